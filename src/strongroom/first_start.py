"""What must exist once: directories, root key, schema, keyring, account, root access key. Later starts check it."""

from __future__ import annotations

from datetime import datetime

from strongroom.app import load_keyring, open_storage
from strongroom.authn.access_keys import AccessKeys
from strongroom.clock import Clock, SystemClock
from strongroom.config import Config
from strongroom.data_directory import make_private_directory, node_id, write_credentials
from strongroom.entropy import Entropy, SystemEntropy
from strongroom.errors import OperatorError
from strongroom.storage.base import Transaction


def prepare(config: Config, *, clock: Clock | None = None, entropy: Entropy | None = None) -> bool:
    """Make what a first start needs and check what a later start finds; tell whether it was the first.

    Raises:
        OperatorError: something is in the way; the message says what and what to do.
    """
    clock, entropy = clock or SystemClock(), entropy or SystemEntropy()
    make_private_directory(config.data_dir)
    make_private_directory(config.audit_dir)
    node_id(config, entropy)  # made here, before several workers could each make one
    storage = open_storage(config)
    try:
        keyring = load_keyring(config, storage, clock, entropy)
        access_keys = AccessKeys(storage, keyring, entropy)
        created = storage.write(lambda tx: _make_account(tx, config, access_keys, clock.now()))
        if created is not None:
            write_credentials(config, *created)
        elif config.root_access_key_id is not None:
            storage.read(lambda tx: _require_preset(tx, config, access_keys))
    finally:
        storage.close()
    return created is not None


def _make_account(tx: Transaction, config: Config, access_keys: AccessKeys, now: datetime) -> tuple[str, str] | None:
    """Make the account and its root access key, unless they are there; return the key's id and secret."""
    if tx.find_account(config.account_id) is not None:
        return None
    tx.insert_account(config.account_id, now)
    preset = None
    if config.root_access_key_id is not None and config.root_secret_access_key is not None:
        preset = (config.root_access_key_id, config.root_secret_access_key)
    row, secret = access_keys.create_root_key(tx, config.account_id, now, preset=preset)
    return row.access_key_id, secret


def _require_preset(tx: Transaction, config: Config, access_keys: AccessKeys) -> None:
    """Refuse a preset root key that is not the one in the database: it would not work."""
    row = tx.find_access_key(str(config.root_access_key_id))
    if row is None or not access_keys.holds(row, str(config.root_secret_access_key)):
        raise OperatorError(
            f"The preset root access key {config.root_access_key_id} is not the one in this database.",
            why="root_access_key_id and root_secret_access_key take effect on the first start only",
            next_step="give the key of the first start, or none and make another: strongroom access-keys create",
        )
