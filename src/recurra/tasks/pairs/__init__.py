"""Task `pairs`: what a sequence becomes in another language, script or form."""
