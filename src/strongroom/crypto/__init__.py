"""Encryption: root key source -> root key -> keyring term -> KMS key version -> data key -> value."""
