"""What each lab says of its result: tables, pictures, and the answer to its question."""
