"""The commands as a user meets them, on the packaged sample with the built-in simulator."""

from __future__ import annotations

from pathlib import Path

import pytest

from roadmap_assets_tests.cli.command_line import SAMPLE, SAMPLE_TOPICS, CommandLine, line

ENRICH = ("--enrich", "--offline")


def roadmaps(*slugs: str) -> list[str]:
    """The options that name these roadmaps."""
    return [argument for slug in slugs for argument in ("--roadmap", slug)]


# ---- scrape


def test_enriching_shows_its_steps_and_ends_with_a_summary(command_line: CommandLine) -> None:
    result = command_line.run("scrape", *SAMPLE, "--enrich", "--offline")
    assert result.exit_code == 0
    assert result.stderr == ""
    [csv] = sorted((command_line.folder / "output").iterdir())
    lines = [text for text in result.stdout.splitlines() if not text.startswith(("✓", "Tokens:", "Time:"))]
    assert lines == [
        "Data Orchestration: 53 topics",
        "Cache: 0 entries",
        "Checking cache for all rows...",
        "Cache hits: 0/53 (0.0%)",
        "Rows to enrich: 53",
        "Processing 3 batches (batch size: 20)",
        "=" * 60,
        "ENRICHMENT SUMMARY",
        "=" * 60,
        "Total rows: 53",
        "Cache hits: 0",
        "Newly enriched: 53",
        "Failed: 0",
        "Success rate: 100.0%",
        "API calls: 3 (least possible: 3)",
        "=" * 60,
        f"Written: output/{csv.name} (53 rows)",
        "The answers are simulated (model: simulator), not Gemini's.",
    ]
    assert sorted(text for text in result.stdout.splitlines() if text.startswith("✓")) == [
        "✓ Batch 1/3 (20 rows) enriched",
        "✓ Batch 2/3 (20 rows) enriched",
        "✓ Batch 3/3 (13 rows) enriched",
    ]


def test_the_csv_file_has_the_topics_and_their_answers(command_line: CommandLine) -> None:
    command_line.run("scrape", *SAMPLE, "--enrich", "--offline")
    rows = command_line.csv()
    assert list(rows[0]) == ["Category", "Subcategory", "Topic", "Description", "Resources", "TLDR", "Challenge"]
    assert len(rows) == SAMPLE_TOPICS
    assert all(row["TLDR"] and row["Challenge"] in ("practice", "expert") for row in rows)


def test_a_profile_brings_its_columns(command_line: CommandLine) -> None:
    command_line.run("scrape", *SAMPLE, "--enrich", "--offline", ROADMAP_PROFILE="study")
    first, *_ = command_line.csv()
    assert list(first)[5:] == ["TLDR", "Challenge", "Obstacle", "How To"]
    assert all(first[column] for column in list(first)[5:])


def test_without_enrich_gemini_is_not_asked_and_no_key_is_needed(command_line: CommandLine) -> None:
    result = command_line.run("scrape", *SAMPLE)
    assert result.exit_code == 0
    assert list(command_line.csv()[0]) == ["Category", "Subcategory", "Topic", "Description", "Resources"]
    assert "add --enrich" in line(result, "Written:")
    assert command_line.sql("SELECT (SELECT count(*) FROM api_calls), (SELECT count(*) FROM enriched_roadmaps)") == [
        (0, 0)
    ]


@pytest.mark.parametrize("home", [False, True])
def test_without_enrich_the_profile_s_module_is_not_imported(
    command_line: CommandLine, tmp_path: Path, home: bool
) -> None:
    """A `.env` in the working folder may name one, and importing it runs its code."""
    module = f"local_profile_{home}"  # a module is imported once in a process, which runs both cases
    (tmp_path / f"{module}.py").write_text("open('imported', 'w')\n")
    (tmp_path / ".env").write_text(f"ROADMAP_PROFILE={module}:Answer\n")
    (tmp_path / "home").mkdir()
    environment = {"DAGSTER_HOME": str(tmp_path / "home")} if home else {}
    assert command_line.run("scrape", *SAMPLE, **environment).exit_code == 0
    assert not (tmp_path / "imported").exists()
    assert command_line.run("scrape", *SAMPLE, "--enrich", "--offline").exit_code == 2
    assert (tmp_path / "imported").exists()


def test_output_names_the_file(command_line: CommandLine) -> None:
    result = command_line.run("scrape", *SAMPLE, "--output", "deep/down/mine.csv")
    assert result.exit_code == 0
    assert (command_line.folder / "deep/down/mine.csv").read_text("utf-8").startswith('"Category"')
    assert not (command_line.folder / "output").exists()


def test_a_dry_run_says_what_it_would_take_and_does_none_of_it(command_line: CommandLine) -> None:
    result = command_line.run("scrape", *SAMPLE, "--dry-run")  # needs no key either
    assert result.exit_code == 0
    assert line(result, "Rows to enrich:") == "53"
    assert line(result, "API calls:") == "3"
    assert line(result, "Cost: about $")
    assert result.stdout.endswith("Dry run: Gemini was not asked.\n")
    assert not (command_line.folder / "output").exists()
    assert command_line.sql("SELECT count(*) FROM api_calls") == [(0,)]


def test_a_dry_run_whose_answers_would_be_simulated_prices_the_real_model(command_line: CommandLine) -> None:
    result = command_line.run("scrape", *SAMPLE, "--dry-run", "--offline")
    simulated = line(result, "Cost: none, as the simulator answers; gemini-3.5-flash-lite: about $")
    real = line(command_line.run("scrape", *SAMPLE, "--dry-run"), "Cost: about $")
    assert float(simulated) == float(real) > 0


def test_a_dry_run_after_a_run_finds_nothing_to_ask(command_line: CommandLine) -> None:
    command_line.run("scrape", *SAMPLE, "--enrich", "--offline")
    result = command_line.run("scrape", *SAMPLE, "--dry-run", "--offline")
    assert (line(result, "Cache hits:"), line(result, "API calls:")) == ("53", "0")


def test_a_dry_run_says_so_when_it_does_not_know_the_price(command_line: CommandLine) -> None:
    result = command_line.run("scrape", *SAMPLE, "--dry-run", ROADMAP_MODEL="never-heard-of")
    assert line(result, "Cost:") == "unknown (the model has no price in the table)"


def test_verbose_shows_the_origin_and_what_was_skipped(command_line: CommandLine) -> None:
    result = command_line.run("scrape", *SAMPLE, "--enrich", "--offline", "-v")
    assert "data-orchestration.json (53 texts)" in line(result, "Fetched data-orchestration from")
    assert "links without type: 1" in result.stdout
    assert "53/53 rows done, 0 hits, 3 calls" in result.stdout


def test_offline_can_be_a_setting(command_line: CommandLine) -> None:
    result = command_line.run("scrape", *SAMPLE, "--enrich", ROADMAP_OFFLINE="true")
    assert result.exit_code == 0
    assert "simulated" in result.stdout


def test_settings_may_be_in_a_dotenv_file(command_line: CommandLine) -> None:
    (command_line.folder / ".env").write_text("ROADMAP_SOURCE=sample\nROADMAP_OUTPUT=elsewhere\n")
    assert command_line.run("scrape", "--roadmap", "data-orchestration").exit_code == 0
    assert len(list((command_line.folder / "elsewhere").iterdir())) == 1


# ---- which roadmap: list and menu


def test_list_names_the_roadmaps_of_the_source(command_line: CommandLine, source: Path) -> None:
    result = command_line.run("scrape", "--list", "--source", source)
    assert (result.exit_code, result.stdout) == (0, "alpha\nbeta\nbeta-two\n")


@pytest.mark.parametrize(
    ("typed", "chosen", "said"),
    [
        ("2\n", "beta", ""),  # by its number
        ("beta-two\n", "beta-two", ""),  # by its name
        ("0\n4\nalpha\n", "alpha", "There is no '4'"),  # numbers that are not in the menu
        ("two\nbeta-two\n", "beta-two", "There is no 'two'; there is beta-two"),  # part of a name
        ("²\n1\n", "alpha", "There is no '²'"),  # a digit to some, and no number
    ],
)
def test_the_menu_asks_until_it_understands(
    command_line: CommandLine, source: Path, typed: str, chosen: str, said: str
) -> None:
    result = command_line.run("scrape", "--interactive", "--source", source, typed=typed)
    assert result.exit_code == 0
    assert "   2  beta\n" in result.stdout
    assert said in result.stdout
    assert f"topics_{chosen}.csv" in line(result, "Written:")


def test_leaving_the_menu_does_nothing(command_line: CommandLine, source: Path) -> None:
    before = command_line.files()
    result = command_line.run("scrape", "--interactive", "--source", source, typed="")
    assert result.exit_code == 1
    assert command_line.files() == before


# ---- several roadmaps, some of their topics


def test_several_roadmaps_share_the_calls_of_one_run(command_line: CommandLine, source: Path) -> None:
    result = command_line.run("scrape", *roadmaps("alpha", "beta", "alpha"), "--source", source, *ENRICH)
    assert (result.exit_code, result.stderr) == (0, "")
    assert (line(result, "Total rows:"), line(result, "API calls:")) == ("4", "1 (least possible: 1)")
    assert [text for text in result.stdout.splitlines() if text.startswith("Written:")] == [
        "Written: output/roadmap_alpha.simulated.csv (2 rows)",
        "Written: output/roadmap_beta.simulated.csv (2 rows)",
    ]
    assert command_line.sql(
        "SELECT roadmap, count(tldr) FROM simulated_roadmaps GROUP BY roadmap ORDER BY roadmap"
    ) == [
        ("alpha", 2),
        ("beta", 2),
    ]


def test_a_dry_run_plans_several_roadmaps_as_one_run(command_line: CommandLine, source: Path) -> None:
    result = command_line.run("scrape", *roadmaps("alpha", "beta"), "--source", source, "--dry-run")
    assert (line(result, "Rows to enrich:"), line(result, "API calls:")) == ("4", "1")


def test_an_unreadable_roadmap_among_several_is_left_out(command_line: CommandLine, source: Path) -> None:
    (source / "beta" / "beta.json").write_text("{")
    result = command_line.run("scrape", *roadmaps("alpha", "beta", "beta-two"), "--source", source, *ENRICH)
    assert result.exit_code == 3
    assert "beta.json" in line(result, "Left out:")
    assert command_line.sql("SELECT DISTINCT roadmap FROM simulated_roadmaps ORDER BY roadmap") == [
        ("alpha",),
        ("beta-two",),
    ]


def test_several_roadmaps_do_not_fit_one_output_file(command_line: CommandLine, source: Path) -> None:
    result = command_line.run("scrape", *roadmaps("alpha", "beta"), "--source", source, "--output", "all.csv")
    assert result.exit_code == 2
    assert "ROADMAP_OUTPUT" in result.stderr
    assert not Path("all.csv").exists()


def test_a_limit_asks_only_the_first_topics_without_an_answer(command_line: CommandLine) -> None:
    answered = "SELECT position FROM simulated_roadmaps WHERE tldr IS NOT NULL ORDER BY position"
    result = command_line.run("scrape", *SAMPLE, *ENRICH, "--limit", 5)
    assert result.exit_code == 0
    assert (line(result, "Newly enriched:"), line(result, "API calls:")) == ("5", "1 (least possible: 1)")
    assert line(result, "Not asked:") == "48 rows, beyond --limit 5"
    assert command_line.sql(answered) == [(position,) for position in range(5)]
    result = command_line.run("scrape", *SAMPLE, *ENRICH, "--limit", 20)
    assert (line(result, "Total rows:"), line(result, "Newly enriched:")) == ("25", "20")
    assert command_line.sql(answered) == [(position,) for position in range(25)]
    result = command_line.run("scrape", *SAMPLE, *ENRICH, "--limit", 100)
    assert (line(result, "Total rows:"), line(result, "Newly enriched:")) == ("53", "28")
    assert "Not asked" not in result.stdout


def test_a_dry_run_prices_the_limit(command_line: CommandLine) -> None:
    result = command_line.run("scrape", *SAMPLE, "--dry-run", "--limit", 25)
    assert (line(result, "Rows to enrich:"), line(result, "API calls:")) == ("25", "2")
    assert command_line.run("scrape", *SAMPLE, "--limit", 25).exit_code == 2  # there is nothing to limit


@pytest.mark.parametrize(("ending", "magic"), [("jsonl", b"{"), ("parquet", b"PAR1"), ("xlsx", b"PK"), ("csv", b'"')])
def test_the_ending_of_the_output_decides_its_format(command_line: CommandLine, ending: str, magic: bytes) -> None:
    result = command_line.run("scrape", *SAMPLE, "--enrich", "--offline", "--output", f"roadmap.{ending}")
    assert result.exit_code == 0
    assert (command_line.folder / f"roadmap.{ending}").read_bytes().startswith(magic)
