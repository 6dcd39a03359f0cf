"""`state/cloud.db`: the saved state of the cloud, in one SQLite file.

SQLite's transactions are the reason for it: a process that is killed, or a machine that loses its power, in
the middle of a save leaves the state as it was before that save, never a part of it."""
import json
import os
import re
import sqlite3
import threading
import time

from ministack.core.persistence import _json_default, _json_object_hook

SCHEMA = """
CREATE TABLE IF NOT EXISTS about (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS services (name TEXT PRIMARY KEY, state TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS items (
    tableId TEXT NOT NULL, pk TEXT NOT NULL, sk TEXT NOT NULL, item TEXT NOT NULL, PRIMARY KEY (tableId, pk, sk)
);
"""
# Where queues were, in the URLs of states that earlier versions saved.
EARLIER_ADDRESS = "127.0.0.1:4566"


class Store:
    def __init__(self, folder, address):
        path = folder / "cloud.db"
        is_new = not path.exists()
        last_write = newest([path, folder / "cloud.db-wal"])
        # Only its owner may read it, because of the keys and secrets.
        os.close(os.open(path, os.O_CREAT, 0o600))
        self.lock = threading.RLock()
        self.database = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self.database.execute("PRAGMA journal_mode = WAL")
        # Each commit is safe from a kill at once, and from a power cut after the next `sync`.
        self.database.execute("PRAGMA synchronous = NORMAL")
        self.database.execute("PRAGMA wal_autocheckpoint = 0")
        # In a connection of its own, a checkpoint does not hold up any commit.
        self.syncing = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        with self.transaction():
            for statement in SCHEMA.split(";"):
                self.database.execute(statement)
            if is_new:
                self.import_files(folder, address)
            self.move(self.about("address"), address)
            # When the last save was, if the cloud did not end by itself after it.
            self.unclean = last_write if self.about("running") else None
            self.set_about("running", "yes")
            self.set_about("address", address)
        for file in folder.glob("*.json"):
            file.unlink()

    def transaction(self):
        return Transaction(self)

    def about(self, name):
        found = self.database.execute("SELECT value FROM about WHERE name = ?", (name,)).fetchone()
        return found and found[0]

    def set_about(self, name, value):
        self.database.execute("INSERT OR REPLACE INTO about VALUES (?, ?)", (name, value))

    def move(self, before, now):
        """Queues, functions and the stack hold URLs with the cloud's own address: the port may be another than
        at the last start."""
        if not before or before == now:
            return
        spelled = re.compile(re.escape(before) + r"(?!\d)")
        for name, state in self.database.execute("SELECT name, state FROM services").fetchall():
            self.set_service(name, spelled.sub(now, state))

    def import_files(self, folder, address):
        """Takes over the state of an earlier version, which was one file of JSON for each service."""
        for file in sorted(folder.glob("*.json")):
            saved = json.loads(file.read_text())
            state = saved["payload"] if "__ministack_format__" in saved else saved
            if file.stem == "dynamodb":
                for table in state["tables"]["data"].values():
                    for pk, by_sk in table.pop("items", {}).items():
                        for sk, item in by_sk.items():
                            self.set_item(table["TableId"], pk, sk, item)
            self.set_service(file.stem, json.dumps(state))
        self.move(EARLIER_ADDRESS, address)

    def service(self, name):
        found = self.database.execute("SELECT state FROM services WHERE name = ?", (name,)).fetchone()
        return found and json.loads(found[0], object_hook=_json_object_hook)

    def set_service(self, name, text):
        self.database.execute("INSERT OR REPLACE INTO services VALUES (?, ?)", (name, text))

    def items(self, table_id):
        """The items of a table as the emulator keeps them: by hash key and then by range key."""
        items = {}
        rows = self.database.execute("SELECT pk, sk, item FROM items WHERE tableId = ? ORDER BY rowid", (table_id,))
        for pk, sk, item in rows:
            items.setdefault(pk, {})[sk] = json.loads(item, object_hook=_json_object_hook)
        return items

    def set_item(self, table_id, pk, sk, item):
        if item is None:
            self.database.execute("DELETE FROM items WHERE tableId = ? AND pk = ? AND sk = ?", (table_id, pk, sk))
        else:
            self.database.execute("INSERT OR REPLACE INTO items VALUES (?, ?, ?, ?)", (table_id, pk, sk, encode(item)))

    def remove_tables_except(self, table_ids):
        saved = {row[0] for row in self.database.execute("SELECT DISTINCT tableId FROM items")}
        for gone in saved - table_ids:
            self.database.execute("DELETE FROM items WHERE tableId = ?", (gone,))

    def sync(self):
        """Makes every commit so far safe from a power cut."""
        self.syncing.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()

    def end(self):
        """Records that the cloud has ended by itself, with everything saved."""
        with self.transaction():
            self.database.execute("DELETE FROM about WHERE name = 'running'")
        self.syncing.close()
        # Closing the last connection merges the log into the file.
        self.database.close()


class Transaction:
    """Commits at the end of its block, or takes everything back after an error. One thread at a time."""

    def __init__(self, store):
        self.store = store

    def __enter__(self):
        self.store.lock.acquire()
        self.store.database.execute("BEGIN IMMEDIATE")

    def __exit__(self, error, *_):
        try:
            self.store.database.execute("COMMIT" if error is None else "ROLLBACK")
        finally:
            self.store.lock.release()


def encode(value):
    return json.dumps(value, default=_json_default, separators=(",", ":"))


def newest(paths):
    """The time of the last write to these files, as in 2026-01-31T12:00:00Z."""
    times = [path.stat().st_mtime for path in paths if path.exists()]
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(max(times))) if times else None
