"""How pictures and pages are made, of any task's runs."""
