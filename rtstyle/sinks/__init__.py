"""Where frames go. Nothing heavy is imported here: take the sink from its own module."""
