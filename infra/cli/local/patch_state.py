"""Gap: the emulator saves its state only when it ends by itself, so a kill, a lack of memory or a power cut
would forget everything.

Here every change of a DynamoDB item is committed before the request that made it is answered. Messages of
queues, and after a change everything else (the stack, functions, roles, secrets), are saved every few
seconds, and at once when `semantest` asks for it. Objects of S3 are files already; they only have to reach
the disk before what refers to them. A state that is a few seconds old is enough for the rest: the sweeper
finds every job and every webhook by its row."""
import os
import re
import sqlite3
import sys
import threading
import time
from collections import deque

from ministack import app as emulator
from ministack.core.responses import AccountRegionScopedDict
from ministack.services import cloudformation, dynamodb, lambda_svc, s3, sqs

import audit
import store

SAVE_SECONDS = 2
READS = re.compile(r"(Batch)?(Get|List|Describe|Head|Query|Scan|Receive|Poll|Search|Lookup|Simulate|Invoke)")
# Items and objects are saved by themselves, messages without a change of this kind.
SAVED_APART = {"dynamodb", "s3", "sqs", "sts", "logs", "cloudwatch"}
DYNAMODB_STORES = (
    "tags", "ttl_settings", "pitr_settings", "kinesis_destinations", "contributor_insights", "backups",
    "resource_policies", "exports", "imports",
)


class Saver:
    def __init__(self, saved):
        self.store = saved
        self.saving = threading.Lock()
        # Whether anything beside items, messages and objects was changed since the last save.
        self.changed = True
        self.queues = None
        # (table, pk, sk) of the changed items of the request that a thread is at.
        self.requests = threading.local()
        # Changed items that could not be committed, as on a full disk.
        self.behind = []
        self.written_files = deque()
        self.unused_blobs_of = None
        self.ended = False

    def load(self, service):
        state = self.store.service(service)
        if service == "dynamodb" and state:
            for table in state["tables"].all_values():
                table["items"] = self.store.items(table["TableId"])
                dynamodb._update_counts(table)
        return state

    def item_changed(self, table, pk, sk):
        request = getattr(self.requests, "items", None)
        if request is None:
            # Not a request: the emulator's own work, such as the end of an item's time to live.
            self.commit([(table, pk, sk)])
        else:
            request.append((table, pk, sk))

    def commit(self, items):
        if not items or self.ended:
            return
        try:
            with self.store.transaction():
                for table, pk, sk in items:
                    # The value of now: another thread may have changed it again, and committed already.
                    self.store.set_item(table["TableId"], pk, sk, table["items"].get(pk, {}).get(sk))
        except sqlite3.Error as error:
            self.behind.extend(items)
            report(error)

    async def request(self, handle, *arguments):
        """Handles a request to DynamoDB, and commits all of its changes together before it is answered. The
        handler never waits for anything, so no other request runs on this thread at the same time."""
        self.requests.items = changes = []
        try:
            return await handle(*arguments)
        finally:
            self.requests.items = None
            self.commit(changes)

    def save(self, services=None):
        """Saves what is not saved by each request."""
        with self.saving:
            if self.ended:
                return
            behind, self.behind = self.behind, []
            self.commit(behind)
            self.sync_files()
            states = {}
            queues = store.encode({"queues": sqs._queues, "queue_name_to_url": sqs._queue_name_to_url})
            if queues != self.queues:
                states["sqs"] = queues
            # A stack that is half deployed cannot be continued: the state before it can.
            whole = self.changed and not deploying()
            if whole:
                self.changed = False
            try:
                if whole:
                    for name, get_state in (services or emulator._build_persistence_save_dict()).items():
                        state = definitions() if name == "dynamodb" else get_state()
                        if state is not None and name != "sqs":
                            states[name] = store.encode(state)
                with self.store.transaction():
                    for name, text in states.items():
                        self.store.set_service(name, text)
                    if whole:
                        self.store.remove_tables_except({table["TableId"] for table in dynamodb._tables.all_values()})
            except BaseException:
                self.changed = self.changed or whole
                raise
            self.queues = queues
            if whole and self.unused_blobs_of is not None:
                self.prune_blobs(self.unused_blobs_of)
            self.store.sync()

    def sync_files(self):
        while self.written_files:
            try:
                descriptor = os.open(self.written_files.popleft(), os.O_RDONLY)
            except FileNotFoundError:
                continue
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)

    def save_all(self, services):
        """The emulator's last act."""
        self.changed = True
        self.save(services)
        with self.saving:
            self.ended = True
            if not self.behind:
                self.store.end()

    def save_often(self):
        while not self.ended:
            time.sleep(SAVE_SECONDS)
            try:
                self.save()
            except Exception as error:
                # A dictionary that changed while it was read, or a full disk. The next save may succeed.
                report(error)


def install(folder, address):
    saver = Saver(store.Store(folder, address))
    emulator.load_state, emulator.save_all = saver.load, saver.save_all
    set_item, remove_item, items_replaced = dynamodb._set_item, dynamodb._remove_item, dynamodb._items_replaced
    handle, write_file = dynamodb.handle_request, s3._atomic_write

    def set_and_note(table, pk, sk, item):
        before = set_item(table, pk, sk, item)
        saver.item_changed(table, pk, sk)
        return before

    def remove_and_note(table, pk, sk):
        before = remove_item(table, pk, sk)
        saver.item_changed(table, pk, sk)
        return before

    def replace_and_note(table):
        items_replaced(table)
        saved = saver.store.items(table["TableId"])
        for items in (saved, table["items"]):
            for pk, by_sk in list(items.items()):
                for sk in list(by_sk):
                    saver.item_changed(table, pk, sk)

    def write_and_note(path, data, **more):
        write_file(path, data, **more)
        saver.written_files.append(path)

    def note_call(service, action):
        if service not in SAVED_APART and not READS.match(action.partition(":")[2]):
            saver.changed = True

    def note_blobs(referenced):
        saver.unused_blobs_of = set(referenced)

    dynamodb._set_item, dynamodb._remove_item, dynamodb._items_replaced = (
        set_and_note, remove_and_note, replace_and_note,
    )
    dynamodb.handle_request = lambda *arguments: saver.request(handle, *arguments)
    s3._atomic_write = write_and_note
    audit.on_call = note_call
    # The saved state still refers to the blobs that it did before, until the next one is saved.
    saver.prune_blobs, lambda_svc._prune_orphan_code_blobs = lambda_svc._prune_orphan_code_blobs, note_blobs

    load_all = emulator._load_persisted_state

    def load_and_go_on_saving():
        load_all()
        # Not before: what is not loaded yet would be saved as empty.
        threading.Thread(target=saver.save_often, daemon=True, name="semantest-save").start()

    emulator._load_persisted_state = load_and_go_on_saving
    return saver


def report(error):
    print(f"the state was not saved: {error!r}", file=sys.stderr, flush=True)


def deploying():
    stacks = list(cloudformation._stacks._data.values())
    return any(stack.get("StackStatus", "").endswith("IN_PROGRESS") for stack in stacks)


def definitions():
    """DynamoDB's state without its items."""
    tables = AccountRegionScopedDict()
    for scope, table in dynamodb._tables.all_items():
        kept = {name: value for name, value in table.items() if name not in ("items", dynamodb._INDEX_MEMBERS)}
        tables.set_scoped(*scope, kept)
    return {"tables": tables, **{name: getattr(dynamodb, f"_{name}") for name in DYNAMODB_STORES}}
