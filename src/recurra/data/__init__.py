"""What several tasks need to read data: text files, vocabularies, splits."""
