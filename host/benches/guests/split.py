# /// wmigrate
# revision = "be0c4ba5e002"
# message = "a transform of three columns in and four out"
# ///
import re

from wmigrate import backfill

no_digits = re.compile("[^0-9]+").sub
no_digits_of_many = re.compile("[^0-9\0]+").sub


@backfill.transform
def rows(number, name, phone):
    first, _, last = name.partition(" ")
    return number + 1, first, last, no_digits("", phone)


@backfill.columns
def columns(numbers, names, phones):
    parts = [name.partition(" ") for name in names]
    digits = no_digits_of_many("", "\0".join(phones)).split("\0")
    return [number + 1 for number in numbers], [part[0] for part in parts], [part[2] for part in parts], digits


def upgrade():
    pass


def downgrade():
    pass
