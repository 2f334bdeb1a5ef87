"""How Python reads a collection: peer_mongo.py pandas|arrow URI SCHEMA_JSON; prints seconds and documents.

pandas: PyMongo, whose documents become a DataFrame. arrow: PyMongoArrow, which makes an Arrow table of them. Both with
the projection that leaves _id out, which their users write; what is imported before is not measured.
"""

import json
import sys
import time

import pandas as pd
import pymongo

kind, uri, types = sys.argv[1:]
collection = pymongo.MongoClient(uri)["bench"]["rows"]
collection.find_one({}, {"_id": 0})
if kind == "pandas":
    started = time.perf_counter()
    n = len(pd.DataFrame(list(collection.find({}, {"_id": 0}))))
else:
    import pyarrow as pa
    from pymongoarrow.api import Schema, find_arrow_all

    schema = Schema({name: getattr(pa, kind)() for name, kind in json.loads(types).items()})
    started = time.perf_counter()
    n = find_arrow_all(collection, {}, schema=schema).num_rows
print(f"{time.perf_counter() - started:.6f} {n}")
