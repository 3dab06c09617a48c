"""Who is calling: signatures, access keys, sessions."""
