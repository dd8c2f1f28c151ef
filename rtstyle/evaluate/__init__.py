"""The numbers and the pictures of quality. Nothing heavy is imported here: take each part from its own module."""
