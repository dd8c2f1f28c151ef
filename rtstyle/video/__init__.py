"""Painting whole films: one or many, with sound, interruptible. Nothing heavy is imported here."""
