"""Opens a Delta table with delta-rs and prints what it sees as JSON; with `compact`, compacts the table first."""

import json
import os
import sys
from datetime import datetime, timedelta, timezone

from deltalake import DeltaTable

path, *commands = sys.argv[1:]
table = DeltaTable(path)
if "compact" in commands:
    table.optimize.compact()
data = table.to_pyarrow_table()
epoch = datetime(1970, 1, 1, tzinfo=timezone.utc)


def plain(value):
    if isinstance(value, datetime):
        return (value - epoch) // timedelta(milliseconds=1)
    return value if isinstance(value, (int, float, str, type(None))) else str(value)


rows = [{name: plain(value) for name, value in row.items()} for row in data.to_pylist()]
types = {field.name: str(field.type) for field in data.schema}
txn = table.transaction_version("dataflow/dataflow/events/0")
print(json.dumps({"version": table.version(), "types": types, "rows": rows, "txn": txn}))
sys.stdout.flush()
# pyarrow's threads may abort an orderly exit.
os._exit(0)
