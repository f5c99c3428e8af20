"""Look-alike search: search_marks(), the characters that are taken for each other, and indexes.

Revision: 0003, after 0002
"""

from pathlib import Path
from typing import Any

import sqlalchemy as sa
from alembic import op

revision: str = "0003"
down_revision: str | None = "0002"
branch_labels: str | None = None
depends_on: str | None = None

FUNCTIONS = Path(__file__).parents[1] / "sql" / "0003_search_marks.sql"
MADE = (
    "search_marks(text, timestamptz, timestamptz, text, integer, real, boolean)",
    "look_alike_score(text, integer[], double precision, boolean, text, real, real, real[], jsonb)",
    "likely_readings(text)",
    "spelled_out(text)",
    "mark_ranges(text, double precision)",
    "mark_pattern(text)",
    "canonical_mark(text)",
)

# Measured with `python -m models.reader.confusions`: the neural reader of this version on 26,800
# drawn plates that are hard to read, of which it misread 8,208. A line says what was read,
# then each character that it was in truth with its share of the places where that was read and was
# wrong. "-" is no character: read, one was lost (its share of all misread plates); in truth, one was
# added. Pairs that are known to look alike count at least three times (ALIKE there).
CONFUSIONS = """
- 1 0.0602 J 0.0096 8 0.0044 5 0.0044 0 0.0043 3 0.0043 E 0.0035 6 0.0034 T 0.0034 2 0.0033 L
  0.0032 9 0.0030 7 0.0030 N 0.0029 F 0.0029 4 0.0028 Y 0.0023 U 0.0021 M 0.0018 A 0.0018 S
  0.0017 V 0.0016 K 0.0015 C 0.0013 R 0.0013 H 0.0012 G 0.0011 D 0.0010 Z 0.0009 P 0.0009 X
  0.0004 W 0.0004
0 D 0.3259 9 0.1556 6 0.0815 1 0.0741 8 0.0593 C 0.0370 G 0.0370 U 0.0296 7 0.0222 - 0.0222 3
  0.0222 Q 0.0222
1 J 0.2899 - 0.1166 8 0.0926 N 0.0600 3 0.0549 4 0.0360 7 0.0343 T 0.0309 M 0.0274 0 0.0257 L
  0.0240 H 0.0240 6 0.0206 9 0.0189 B 0.0189 E 0.0172 R 0.0154 D 0.0154 U 0.0103
2 1 0.3256 7 0.1473 3 0.1395 5 0.0853 - 0.0775 Z 0.0620 4 0.0465 8 0.0233 6 0.0233 0 0.0233
3 5 0.2308 1 0.2186 9 0.1093 - 0.1053 4 0.0972 8 0.0688 2 0.0526 7 0.0243 0 0.0202 S 0.0162 B
  0.0162 6 0.0121 Y 0.0121
4 - 0.2727 1 0.2323 6 0.1313 A 0.0707 9 0.0505 3 0.0404 8 0.0404 2 0.0404
5 6 0.2989 S 0.2554 9 0.1141 - 0.1033 8 0.0543 3 0.0272 1 0.0272 2 0.0272 7 0.0163 E 0.0163
6 8 0.4797 0 0.1351 - 0.0811 5 0.0676 G 0.0676 1 0.0473 4 0.0338 9 0.0338
7 2 0.2609 1 0.1522 - 0.1522 T 0.0761 3 0.0543 0 0.0326 8 0.0326 5 0.0326 9 0.0326
8 B 0.2976 9 0.1667 6 0.1488 - 0.0893 0 0.0833 1 0.0774 3 0.0417 4 0.0417
9 8 0.2010 5 0.1804 0 0.1804 3 0.1443 - 0.1031 6 0.0464 S 0.0258 1 0.0258 7 0.0206
A J 0.1099 R 0.1044 N 0.0879 X 0.0824 1 0.0769 M 0.0714 - 0.0659 K 0.0659 4 0.0549 B 0.0385 0
  0.0330 Z 0.0330 C 0.0220 T 0.0220 P 0.0220 U 0.0165 F 0.0165 L 0.0165
B 8 0.2838 E 0.1757 R 0.1486 P 0.1081 - 0.0811 D 0.0811
C G 0.4234 K 0.1171 L 0.0901 0 0.0721 D 0.0631 E 0.0360 - 0.0270 U 0.0270 S 0.0270
D 0 0.2857 B 0.2449 J 0.1429 - 0.0612
E F 0.3263 B 0.0632 K 0.0632 1 0.0526 A 0.0526 D 0.0421 G 0.0421 R 0.0421 C 0.0421 P 0.0316 S
  0.0316 N 0.0316 H 0.0316
F E 0.5833 P 0.1136 H 0.0682 T 0.0606 R 0.0379 - 0.0227
G C 0.3231 6 0.1385 0 0.0923 S 0.0923 D 0.0615 E 0.0615 - 0.0615 A 0.0615
H N 0.1800 J 0.1400 R 0.1400 B 0.1200 M 0.1200 P 0.0800
J T 0.1875 U 0.1719 1 0.1562 L 0.1094 - 0.0938 D 0.0938
K X 0.2353 H 0.1176 J 0.0980 R 0.0980 F 0.0588 L 0.0588 1 0.0588 M 0.0588
L J 0.2088 1 0.1868 U 0.1538 C 0.0659 T 0.0659 E 0.0549 K 0.0440 - 0.0440 D 0.0330
M N 0.3902 H 0.1268 W 0.1122 J 0.0488 R 0.0390 A 0.0390 K 0.0341 - 0.0293 1 0.0293 P 0.0146 L
  0.0146 V 0.0146
N M 0.4848 W 0.0909 1 0.0707 - 0.0606 H 0.0505 J 0.0404 0 0.0404 Y 0.0404 G 0.0303
P F 0.4615 R 0.2462 B 0.1538
Q 0 1.0000
R P 0.2273 B 0.1909 F 0.0909 N 0.0818 E 0.0636 K 0.0545 M 0.0545 H 0.0455 1 0.0455 S 0.0273
S 5 0.1905 G 0.1786 - 0.1429 J 0.0476 B 0.0476 E 0.0357 A 0.0357 C 0.0357
T J 0.3125 Y 0.1125 F 0.1062 - 0.0875 1 0.0813 E 0.0437 L 0.0437 C 0.0312 P 0.0312 Z 0.0250
U L 0.2342 J 0.2162 D 0.0991 V 0.0901 - 0.0450 N 0.0450 1 0.0360 W 0.0360 0 0.0360 Y 0.0270
V W 0.5161 Y 0.2043 U 0.0430 - 0.0323
W V 0.5714 - 0.1020 M 0.0612 N 0.0408 H 0.0408 K 0.0306 1 0.0306
X K 0.3243 Y 0.1351 Z 0.1081 J 0.0811
Y V 0.4200 T 0.1800 K 0.1000 X 0.0800
Z - 0.2222 2 0.1333 C 0.1111 X 0.1111 7 0.0889
"""


def column(name: str, kind: sa.types.TypeEngine[Any], comment: str) -> sa.Column[Any]:
    """A column that is filled and says what it is."""
    return sa.Column(name, kind, nullable=False, comment=comment)


def upgrade() -> None:
    confusable_characters()
    indexes()
    op.execute(sa.text(FUNCTIONS.read_text(encoding="utf-8").replace(":", r"\:")))


def confusable_characters() -> None:
    table = op.create_table(
        "confusable_characters",
        column("read_character", sa.Text(), "What was read; empty where a character was lost"),
        column("true_character", sa.Text(), "What it was; empty where there was none"),
        column(
            "probability",
            sa.REAL(),
            "How often, of the places where that was read and was wrong; of a lost character, "
            "of all misread marks",
        ),
        sa.CheckConstraint(
            "probability > 0 AND probability <= 1",
            name=op.f("ck_confusable_characters_probability"),
        ),
        sa.PrimaryKeyConstraint(
            "read_character", "true_character", name=op.f("pk_confusable_characters")
        ),
        comment="Characters of marks that readers take for each other, measured; search_marks asks "
        "it, and you may change it",
    )
    op.bulk_insert(table, rows(CONFUSIONS))


def rows(text: str) -> list[dict[str, object]]:
    """The lines of CONFUSIONS as rows."""
    found: list[dict[str, object]] = []
    for line in text.replace("\n  ", " ").strip().splitlines():
        read, *rest = line.replace("-", "").split(" ")
        pairs = zip(rest[::2], rest[1::2], strict=True)
        found += [
            {"read_character": read, "true_character": true, "probability": float(share)}
            for true, share in pairs
        ]
    return found


def indexes() -> None:
    # Readings are looked up by how they begin or end, whatever the database's locale, and ranked by
    # their confidence, without a look at the table.
    op.drop_index("ix_plates_mark", table_name="plates")
    op.create_index(
        "ix_plates_mark",
        "plates",
        ["mark", "confidence"],
        unique=False,
        postgresql_ops={"mark": "text_pattern_ops"},
        postgresql_include=["id", "image_id", "model_version_id"],
    )
    op.create_index(
        "ix_plates_mark_reversed",
        "plates",
        [sa.func.reverse(sa.text("mark")).label("mark_reversed"), "confidence"],
        unique=False,
        postgresql_ops={"mark_reversed": "text_pattern_ops"},
        postgresql_include=["id", "image_id", "model_version_id", "mark"],
    )
    op.create_index("ix_images_taken_at", "images", ["taken_at", "id"], unique=False)


def downgrade() -> None:
    for function in MADE:
        op.execute(f"DROP FUNCTION {function}")
    op.drop_index("ix_images_taken_at", table_name="images")
    op.drop_index("ix_plates_mark_reversed", table_name="plates")
    op.drop_index("ix_plates_mark", table_name="plates")
    op.create_index("ix_plates_mark", "plates", ["mark"], unique=False)
    op.drop_table("confusable_characters")
