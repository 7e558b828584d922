"""What series are read from: tables and frames, as steps on one frequency."""
