"""What a program needs of its system: threads, signals, memory, and files that are whole."""
