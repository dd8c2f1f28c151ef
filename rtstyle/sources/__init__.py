"""Where frames come from. Nothing heavy is imported here: take the source from its own module."""
