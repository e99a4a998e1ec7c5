"""`python -m schemas` writes `verdict.schema.json` anew: the verdict's form for programs in other languages."""

import pathlib

from schemas import verdict

SCHEMA_FILE = pathlib.Path(__file__).with_name("verdict.schema.json")

if __name__ == "__main__":
    SCHEMA_FILE.write_text(verdict.json_schema(), encoding="utf-8")
    print(SCHEMA_FILE)
