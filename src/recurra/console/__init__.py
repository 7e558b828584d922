"""What every command takes and prints."""
