#!/usr/bin/env python3
"""The work of backfill.py as a Python migration does it. In a process of its own, so that what it takes is its own.

usage: bench/backfill_python.py python-copy|python-rows URL ROWS ROWS-PER-BATCH
"""
import json, sys, time


def transformed(name, phone):
    first, _, last = name.partition(" ")
    digits = "".join(c for c in phone if c.isdigit())
    return first, last, ("+1" if len(digits) == 10 else "+") + digits


def python_copy(url, rows, batch):
    import psycopg
    begun = time.perf_counter()
    with psycopg.connect(url) as connection:
        connection.execute("CREATE TEMP TABLE w (id bigint, f text, l text, p text)")
        connection.commit()
        for low in range(0, rows, batch):
            read = connection.execute("SELECT id, full_name, phone FROM contacts WHERE id > %s AND id <= %s", (low, low + batch)).fetchall()
            with connection.cursor().copy("COPY w FROM STDIN") as copy:
                for key, name, phone in read:
                    copy.write_row((key, *transformed(name, phone)))
            connection.execute("UPDATE contacts c SET first_name = w.f, last_name = w.l, phone_e164 = w.p FROM w WHERE c.id = w.id")
            connection.execute("TRUNCATE w")
            connection.commit()
    return time.perf_counter() - begun


def python_rows(url, rows, batch):
    import psycopg2, psycopg2.extras
    begun = time.perf_counter()
    connection = psycopg2.connect(url)
    cursor = connection.cursor()
    for low in range(0, rows, batch):
        cursor.execute("SELECT id, full_name, phone FROM contacts WHERE id > %s AND id <= %s", (low, low + batch))
        changes = [(*transformed(name, phone), key) for key, name, phone in cursor.fetchall()]
        psycopg2.extras.execute_batch(
            cursor, "UPDATE contacts SET first_name = %s, last_name = %s, phone_e164 = %s WHERE id = %s", changes, page_size=1000)
        connection.commit()
    connection.close()
    return time.perf_counter() - begun


if __name__ == "__main__":
    name, url, rows, batch = sys.argv[1:]
    seconds = {"python-copy": python_copy, "python-rows": python_rows}[name](url, int(rows), int(batch))
    print(json.dumps({"seconds": seconds}))
