"""The methods side by side: what each paints, what it costs, how near it comes to the slow reference."""
