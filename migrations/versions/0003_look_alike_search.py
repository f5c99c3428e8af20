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
    "look_alike_score("
    "text, integer[], double precision, boolean, text, real, real, real[], jsonb, real)",
    "likely_readings(text)",
    "spelled_out(text)",
    "mark_ranges(text, double precision)",
    "mark_pattern(text)",
    "canonical_mark(text)",
)

# Measured with `python -m models.reader.confusions`: the neural reader of this version on 60,261
# drawn plates that are hard to read, of which it misread 18,489. A line says what was read,
# then each character that it was in truth, with its share of the places where that was read and
# was wrong. "-" is no character: read, one was lost (a share of all misread plates); in truth, one
# was added. Pairs that are known to look alike count at least three times (ALIKE there).
CONFUSIONS = """
- 1 0.0630 J 0.0087 8 0.0051 5 0.0050 0 0.0047 3 0.0044 T 0.0041 2 0.0036 7 0.0035 E 0.0034 9
  0.0034 4 0.0032 N 0.0031 6 0.0029 L 0.0028 Y 0.0027 F 0.0024 V 0.0020 C 0.0017 A 0.0016 K
  0.0015 M 0.0015 H 0.0015 U 0.0015 S 0.0014 R 0.0013 P 0.0010 D 0.0010 G 0.0009 X 0.0008 Z
  0.0008 W 0.0006 B 0.0005
0 D 0.3026 9 0.1382 6 0.0921 8 0.0691 1 0.0592 - 0.0428 C 0.0362 G 0.0362 U 0.0263 7 0.0230 3
  0.0230 2 0.0164 B 0.0164 N 0.0132 M 0.0132
1 J 0.2806 - 0.1247 8 0.0982 3 0.0585 N 0.0546 4 0.0429 M 0.0359 7 0.0351 T 0.0242 0 0.0242 9
  0.0210 L 0.0203 H 0.0195 6 0.0179 E 0.0179 B 0.0133 D 0.0133 R 0.0125 U 0.0117 W 0.0101
2 1 0.3603 7 0.1246 3 0.1111 - 0.0943 Z 0.0673 5 0.0640 8 0.0606 4 0.0303 0 0.0202 9 0.0202 6
  0.0168
3 5 0.2566 1 0.2264 - 0.0962 9 0.0925 4 0.0925 8 0.0792 2 0.0528 0 0.0358 7 0.0245
4 1 0.2287 - 0.2063 6 0.1390 8 0.0807 A 0.0717 2 0.0583 9 0.0404 3 0.0359 0 0.0314 5 0.0179 7
  0.0179 N 0.0135
5 6 0.3310 S 0.2619 9 0.0905 - 0.0833 8 0.0786 3 0.0262 2 0.0262 1 0.0214 7 0.0119
6 8 0.4330 0 0.0997 5 0.0841 - 0.0810 9 0.0592 G 0.0530 1 0.0498 4 0.0374 E 0.0280 3 0.0125 2
  0.0125
7 2 0.2585 1 0.1659 - 0.1463 T 0.0732 3 0.0683 9 0.0488 8 0.0390 Y 0.0341 0 0.0293 5 0.0195 Z
  0.0146
8 B 0.2216 6 0.1720 9 0.1516 1 0.1079 - 0.0991 0 0.0787 3 0.0583 4 0.0466 2 0.0117 R 0.0117
9 5 0.2233 8 0.1791 3 0.1628 0 0.1488 - 0.0977 1 0.0372 7 0.0302 6 0.0279 2 0.0186 S 0.0140 4
  0.0140
A R 0.1154 J 0.1016 N 0.0962 M 0.0852 X 0.0797 - 0.0632 K 0.0604 1 0.0577 4 0.0467 B 0.0385 L
  0.0275 Z 0.0275 T 0.0247 U 0.0220 0 0.0220 P 0.0220 F 0.0165 W 0.0137 D 0.0137 G 0.0137 C
  0.0110 S 0.0110
B 8 0.3216 R 0.1871 E 0.1462 P 0.0760 D 0.0643 - 0.0526 J 0.0292 M 0.0234 H 0.0175 F 0.0175
C G 0.4622 L 0.0844 0 0.0844 K 0.0756 E 0.0578 D 0.0400 A 0.0267 U 0.0222 J 0.0178 - 0.0178 Z
  0.0178 T 0.0133 R 0.0133 S 0.0133 Y 0.0133 V 0.0133
D 0 0.2917 B 0.2188 J 0.1146 1 0.0729 - 0.0521 U 0.0417 L 0.0312 N 0.0312
E F 0.2965 C 0.0754 B 0.0704 1 0.0452 D 0.0452 G 0.0452 K 0.0402 A 0.0402 R 0.0402 L 0.0352 S
  0.0352 N 0.0302 H 0.0251 T 0.0201 P 0.0201 6 0.0201 - 0.0201 J 0.0151 8 0.0151 Y 0.0151
F E 0.6246 P 0.1136 T 0.0536 H 0.0473 R 0.0379 J 0.0284 K 0.0221 - 0.0158
G C 0.3404 S 0.1064 6 0.0993 - 0.0851 D 0.0709 0 0.0638 E 0.0355 A 0.0284 B 0.0284 J 0.0213
H R 0.2212 J 0.1731 N 0.1346 M 0.1058 B 0.0865 P 0.0481 F 0.0385 L 0.0288 1 0.0288
J U 0.2222 T 0.1667 - 0.1111 1 0.0926 L 0.0679 D 0.0556 X 0.0432 H 0.0247 A 0.0247 E 0.0247 N
  0.0185 M 0.0185 B 0.0185 3 0.0185 V 0.0185
K X 0.2525 J 0.1111 H 0.0808 R 0.0808 F 0.0707 1 0.0606 M 0.0606 E 0.0505 C 0.0404 Y 0.0404 L
  0.0303 - 0.0303
L J 0.2069 U 0.1970 1 0.1823 E 0.0591 C 0.0542 - 0.0493 H 0.0493 D 0.0443 T 0.0394 K 0.0296 V
  0.0148 A 0.0148
M N 0.3819 H 0.1456 W 0.1241 R 0.0382 J 0.0382 K 0.0334 A 0.0310 - 0.0286 U 0.0263 1 0.0239 V
  0.0191 B 0.0143 L 0.0119
N M 0.4459 - 0.0811 J 0.0541 W 0.0495 1 0.0495 Y 0.0405 0 0.0360 E 0.0315 H 0.0270 G 0.0270 D
  0.0180 B 0.0180 C 0.0180 U 0.0135 R 0.0135 K 0.0135 V 0.0135 A 0.0135
P F 0.3415 R 0.2561 B 0.1220 J 0.0488 H 0.0427 D 0.0244 - 0.0244 M 0.0183 Y 0.0183
Q 0 1.0000
R B 0.2207 P 0.1982 F 0.0901 N 0.0811 K 0.0586 H 0.0586 M 0.0541 E 0.0541 A 0.0315 1 0.0315 -
  0.0315 S 0.0225 T 0.0135
S G 0.2035 5 0.1860 - 0.1453 B 0.0523 J 0.0407 C 0.0407 X 0.0291 K 0.0291 3 0.0233 9 0.0233 Z
  0.0233 0 0.0174 E 0.0174 R 0.0174 A 0.0174 L 0.0174 N 0.0174 Y 0.0174
T J 0.3250 Y 0.1472 F 0.1056 - 0.0917 1 0.0667 P 0.0389 L 0.0333 Z 0.0250 E 0.0222 7 0.0222 H
  0.0167 C 0.0139 A 0.0139
U J 0.2440 L 0.2344 D 0.0813 V 0.0670 W 0.0622 1 0.0478 N 0.0383 - 0.0287 0 0.0287 R 0.0191 Y
  0.0191 G 0.0191 E 0.0144 T 0.0144
V W 0.4960 Y 0.1694 - 0.0685 U 0.0484 J 0.0282 T 0.0242 C 0.0242 F 0.0202 R 0.0161 N 0.0161 X
  0.0121
W V 0.6054 - 0.0897 M 0.0628 N 0.0448 1 0.0314 K 0.0269 H 0.0224 U 0.0224 Y 0.0179 X 0.0179
X K 0.3523 J 0.1250 Y 0.0909 Z 0.0795 V 0.0795 1 0.0341
Y V 0.3604 T 0.2072 K 0.1081 X 0.0811 W 0.0450 1 0.0360 - 0.0360
Z - 0.2812 2 0.1250 C 0.1042 X 0.0938 7 0.0729 S 0.0417 J 0.0312 Y 0.0312 T 0.0312 L 0.0312 1
  0.0312
"""


def column(name: str, kind: sa.types.TypeEngine[Any], comment: str) -> sa.Column[Any]:
    """Returns a column that is NOT NULL, with its comment."""
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
    """Returns the lines of CONFUSIONS as rows."""
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
    # their confidence, without a look at the table. The old index goes when the new ones are there:
    # until then people may ask.
    op.create_index(
        "ix_plates_mark_new",
        "plates",
        ["mark", "confidence"],
        unique=False,
        postgresql_ops={"mark": "text_pattern_ops"},
        postgresql_include=["id", "image_id", "model_version_id", "detector_score"],
    )
    op.create_index(
        "ix_plates_mark_reversed",
        "plates",
        [sa.func.reverse(sa.text("mark")).label("mark_reversed"), "confidence"],
        unique=False,
        postgresql_ops={"mark_reversed": "text_pattern_ops"},
        postgresql_include=["id", "image_id", "model_version_id", "detector_score", "mark"],
    )
    op.drop_index("ix_plates_mark", table_name="plates")
    op.execute("ALTER INDEX ix_plates_mark_new RENAME TO ix_plates_mark")
    op.create_index("ix_images_taken_at", "images", ["taken_at", "id"], unique=False)


def downgrade() -> None:
    for function in MADE:
        op.execute(f"DROP FUNCTION {function}")
    op.drop_index("ix_images_taken_at", table_name="images")
    op.drop_index("ix_plates_mark_reversed", table_name="plates")
    op.drop_index("ix_plates_mark", table_name="plates")
    op.create_index("ix_plates_mark", "plates", ["mark"], unique=False)
    op.drop_table("confusable_characters")
