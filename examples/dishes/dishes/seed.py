"""Writes the table that the example enriches: `python -m dishes.seed`."""

import duckdb

DISHES = [
    (1, "Sourdough", "Bread that rises by wild yeast.", "Baking"),
    (2, "Hollandaise", "A warm sauce of egg yolk and butter.", "Sauces"),
    (3, "Ratatouille", "Summer vegetables, stewed in olive oil.", "Stews"),
]


def main() -> None:
    """Write the table."""
    with duckdb.connect("kitchen.duckdb") as connection:
        connection.execute("CREATE OR REPLACE TABLE dishes (id INTEGER, name TEXT, text TEXT, course TEXT)")
        connection.executemany("INSERT INTO dishes VALUES (?, ?, ?, ?)", DISHES)


if __name__ == "__main__":
    main()
