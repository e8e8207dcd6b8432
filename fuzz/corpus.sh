#!/bin/sh
# The first inputs of every target, out of the snapshots that the tests read.
set -eu
cd "$(dirname "$0")"
mkdir -p corpus/open_snapshot corpus/open_database corpus/open_message
for file in ../testdata/snapshots/*.c1z; do
    name=$(basename "$file" .c1z)
    cp "$file" "corpus/open_snapshot/$name"
    database=corpus/open_database/$name
    # Damaged ones and those of format v3 hold no SQLite database to begin with.
    if ! tail -c +6 "$file" | zstd -qdc >"$database" 2>/dev/null || [ ! -s "$database" ]; then
        rm -f "$database"
        continue
    fi
    for table in v1_resource_types v1_resources v1_entitlements v1_grants; do
        sqlite3 "$database" "select writefile('corpus/open_message/$name-$table-' || id, data) from $table limit 3" \
            >/dev/null 2>&1 || true
    done
done
