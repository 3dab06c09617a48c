"""Who did what, when, from where, with which outcome; and proof that the record is whole."""
