"""The Batch API and the flex tier of the simulator, as google-genai sees them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest
from google import genai
from google.genai import errors, types
from pydantic import ValidationError

from roadmap_assets.simulator.batch_behaviour import BatchBehaviour
from roadmap_assets.simulator.faults import FaultPlan, Finish, Rule
from roadmap_assets.simulator.server import Simulator, SimulatorOptions
from roadmap_assets_tests.simulator.asking import MODEL, SCHEMA


def request(name: str) -> dict[str, Any]:
    topics = {"topics": [{"id": "0", "topic": name, "description": "", "context": ""}]}
    return {
        "contents": [{"parts": [{"text": json.dumps(topics)}], "role": "user"}],
        "system_instruction": {"parts": [{"text": "Answer for each topic."}]},
        "generation_config": {"responseMimeType": "application/json", "responseJsonSchema": SCHEMA},
    }


INLINED = {"request": request("A"), "metadata": {"key": "a"}}


@contextmanager
def client_of(simulator: Simulator, *, version: str = "v1") -> Iterator[genai.Client]:
    options = types.HttpOptions(base_url=simulator.url, api_version=version)
    client = genai.Client(api_key="any", vertexai=False, http_options=options)
    try:
        yield client
    finally:
        client.close()


def submit(client: genai.Client, folder: Path, *names: str) -> types.BatchJob:
    """A job with one request a topic, from an uploaded file; the topic is the key."""
    lines = (json.dumps({"key": name, "request": request(name)}) for name in names)
    path = folder / "requests.jsonl"
    path.write_text("\n".join(lines))
    uploaded = client.files.upload(file=path, config=types.UploadFileConfig(mime_type="application/jsonl"))
    assert uploaded.name
    return client.batches.create(model=MODEL, src=uploaded.name, config=types.CreateBatchJobConfig(display_name="ours"))


def results(client: genai.Client, job: types.BatchJob) -> dict[str, Any]:
    """key -> result of a job that has ended."""
    ended = client.batches.get(name=job.name or "")
    assert ended.dest
    assert ended.dest.file_name
    lines = client.files.download(file=ended.dest.file_name).decode().splitlines()
    return {entry["key"]: entry for entry in map(json.loads, lines)}


def topic_in(result: dict[str, Any]) -> str:
    [row] = json.loads(result["response"]["candidates"][0]["content"]["parts"][0]["text"])
    return str(row["topic"])


@pytest.mark.parametrize("version", ["v1", "v1beta"])
def test_a_job_from_a_file_answers_every_key(tmp_path: Path, version: str) -> None:
    with Simulator() as simulator, client_of(simulator, version=version) as client:
        job = submit(client, tmp_path, "Apples", "Pears")
        ended = client.batches.get(name=job.name or "")

        assert ended.state == types.JobState.JOB_STATE_SUCCEEDED
        assert ended.display_name == "ours"
        assert {key: topic_in(result) for key, result in results(client, job).items()} == {
            "Apples": "Apples",
            "Pears": "Pears",
        }


def test_a_large_file_arrives_in_pieces(tmp_path: Path) -> None:
    path = tmp_path / "large.jsonl"
    path.write_bytes(b"x" * (20 << 20))
    with Simulator() as simulator, client_of(simulator) as client:
        uploaded = client.files.upload(file=path, config=types.UploadFileConfig(mime_type="application/jsonl"))
        assert uploaded.size_bytes == 20 << 20
        client.files.delete(name=uploaded.name or "")
        with pytest.raises(errors.ClientError, match="404"):
            client.files.get(name=uploaded.name or "")


def test_inlined_requests_are_answered_in_the_job(tmp_path: Path) -> None:
    with Simulator() as simulator:
        body = {"batch": {"inputConfig": {"requests": {"requests": [INLINED]}}}}
        made = httpx2.post(f"{simulator.url}/v1beta/models/{MODEL}:batchGenerateContent", json=body).json()
        ended = httpx2.get(f"{simulator.url}/v1beta/{made['name']}").json()

        [result] = ended["response"]["inlinedResponses"]["inlinedResponses"]
        assert result["metadata"] == {"key": "a"}
        assert ended["metadata"]["output"]["inlinedResponses"]["inlinedResponses"] == [result]
        assert ended["metadata"]["batchStats"] == {"requestCount": "1", "successfulRequestCount": "1"}


def test_a_job_waits_then_runs_then_ends(tmp_path: Path) -> None:
    behaviour = BatchBehaviour(pending_s=3600)
    with Simulator(SimulatorOptions(batches=behaviour)) as simulator, client_of(simulator) as client:
        job = submit(client, tmp_path, "Apples")
        assert client.batches.get(name=job.name or "").state == types.JobState.JOB_STATE_PENDING
    behaviour = BatchBehaviour(running_s=3600)
    with Simulator(SimulatorOptions(batches=behaviour)) as simulator, client_of(simulator) as client:
        job = submit(client, tmp_path, "Apples")
        assert client.batches.get(name=job.name or "").state == types.JobState.JOB_STATE_RUNNING


@pytest.mark.parametrize(
    ("behaviour", "state"),
    [
        (BatchBehaviour(end="failed"), types.JobState.JOB_STATE_FAILED),
        (BatchBehaviour(end="expired"), types.JobState.JOB_STATE_EXPIRED),
        (BatchBehaviour(end="stuck"), types.JobState.JOB_STATE_PENDING),
        (BatchBehaviour(end="stuck", expires_after_s=0), types.JobState.JOB_STATE_EXPIRED),
    ],
)
def test_a_job_can_end_without_results(tmp_path: Path, behaviour: BatchBehaviour, state: types.JobState) -> None:
    with Simulator(SimulatorOptions(batches=behaviour)) as simulator, client_of(simulator) as client:
        ended = client.batches.get(name=submit(client, tmp_path, "Apples").name or "")
        assert ended.state == state
        assert ended.dest is None or ended.dest.file_name is None


def test_a_cancelled_job_stays_cancelled(tmp_path: Path) -> None:
    behaviour = BatchBehaviour(pending_s=3600)
    with Simulator(SimulatorOptions(batches=behaviour)) as simulator, client_of(simulator) as client:
        job = submit(client, tmp_path, "Apples")
        client.batches.cancel(name=job.name or "")
        assert client.batches.get(name=job.name or "").state == types.JobState.JOB_STATE_CANCELLED
        client.batches.delete(name=job.name or "")
        with pytest.raises(errors.ClientError, match="404"):
            client.batches.get(name=job.name or "")


def test_jobs_are_listed_page_by_page_newest_first(tmp_path: Path) -> None:
    with Simulator() as simulator, client_of(simulator) as client:
        assert list(client.batches.list()) == []
        names = [submit(client, tmp_path, "Apples").name for _ in range(5)]
        listed = client.batches.list(config=types.ListBatchJobsConfig(page_size=2))
        assert [job.name for job in listed] == names[::-1]


def test_every_key_can_be_at_another_requests_result(tmp_path: Path) -> None:
    behaviour = BatchBehaviour(permute_keys=True, shuffle=True)
    with Simulator(SimulatorOptions(batches=behaviour)) as simulator, client_of(simulator) as client:
        found = results(client, submit(client, tmp_path, "A", "B", "C"))
        assert {key: topic_in(result) for key, result in found.items()} == {"B": "A", "C": "B", "A": "C"}


def test_results_can_have_no_key(tmp_path: Path) -> None:
    with Simulator(SimulatorOptions(batches=BatchBehaviour(lost_keys=1))) as simulator, client_of(simulator) as client:
        ended = client.batches.get(name=submit(client, tmp_path, "A", "B").name or "")
        assert ended.dest
        lines = client.files.download(file=ended.dest.file_name or "").decode().splitlines()
        assert [(*json.loads(line),) for line in lines] == [("response",), ("response",)]


def test_only_the_first_jobs_can_be_faulty(tmp_path: Path) -> None:
    behaviour = BatchBehaviour(end="failed", faulty_jobs=1)
    with Simulator(SimulatorOptions(batches=behaviour)) as simulator, client_of(simulator) as client:
        names = [submit(client, tmp_path, "Apples").name or "" for _ in range(2)]
        states = [client.batches.get(name=name).state for name in names]
        assert states == [types.JobState.JOB_STATE_FAILED, types.JobState.JOB_STATE_SUCCEEDED]


def test_a_job_exists_although_the_reply_to_its_creation_is_lost(tmp_path: Path) -> None:
    behaviour = BatchBehaviour(lost_replies=1)
    with Simulator(SimulatorOptions(batches=behaviour)) as simulator, client_of(simulator) as client:
        with pytest.raises(httpx2.TransportError):
            submit(client, tmp_path, "Apples")
        assert [job.display_name for job in client.batches.list()] == ["ours"]


def test_results_can_be_missing_or_errors(tmp_path: Path) -> None:
    behaviour = BatchBehaviour(missing=1, errors=0.5, seed=3)
    names = [f"Topic {number}" for number in range(20)]
    with Simulator(SimulatorOptions(batches=behaviour)) as simulator, client_of(simulator) as client:
        found = results(client, submit(client, tmp_path, *names))
        assert len(found) == 19
        assert {"error", "response"} <= {name for result in found.values() for name in result}


def test_faults_happen_to_the_requests_of_a_job_too(tmp_path: Path) -> None:
    plan = FaultPlan((Rule(Finish("SAFETY"), topic="Poison"),))
    with Simulator(SimulatorOptions(faults=plan)) as simulator, client_of(simulator) as client:
        found = results(client, submit(client, tmp_path, "Poison", "Honey"))
        assert found["Poison"]["response"]["candidates"][0]["finishReason"] == "SAFETY"
        assert topic_in(found["Honey"]) == "Honey"


def test_error_details_that_are_objects_break_the_sdk_for_the_whole_job() -> None:
    behaviour = BatchBehaviour(errors=1, error_objects=True)
    with Simulator(SimulatorOptions(batches=behaviour)) as simulator, client_of(simulator) as client:
        body = {"batch": {"inputConfig": {"requests": {"requests": [INLINED]}}}}
        made = httpx2.post(f"{simulator.url}/v1/models/{MODEL}:batchGenerateContent", json=body).json()
        with pytest.raises(ValidationError):
            client.batches.get(name=made["name"])


def test_too_many_jobs_are_refused_without_a_quota_failure(tmp_path: Path) -> None:
    behaviour = BatchBehaviour(pending_s=3600, most_jobs=1)
    with Simulator(SimulatorOptions(batches=behaviour)) as simulator, client_of(simulator) as client:
        submit(client, tmp_path, "Apples")
        with pytest.raises(errors.ClientError) as refused:
            submit(client, tmp_path, "Pears")
        assert refused.value.code == 429
        assert "QuotaFailure" not in json.dumps(refused.value.details)


def test_more_enqueued_tokens_than_the_tier_allows_are_refused(tmp_path: Path) -> None:
    behaviour = BatchBehaviour(pending_s=3600, most_tokens=10)
    with Simulator(SimulatorOptions(batches=behaviour)) as simulator, client_of(simulator) as client:
        with pytest.raises(errors.ClientError) as refused:
            submit(client, tmp_path, "Pears")
        assert refused.value.code == 429


def test_the_tier_that_served_is_in_a_header_and_in_the_usage() -> None:
    with Simulator(SimulatorOptions(flex_latency_s=0.05)) as simulator:
        url = f"{simulator.url}/v1/models/{MODEL}:generateContent"
        body = request("A")
        sent = {"contents": body["contents"], "generationConfig": body["generation_config"]}
        standard = httpx2.post(url, json=sent)
        flex = httpx2.post(url, json={**sent, "serviceTier": "flex"})

        assert standard.headers["x-gemini-service-tier"] == "standard"
        assert flex.headers["x-gemini-service-tier"] == "flex"
        assert flex.json()["usageMetadata"]["serviceTier"] == "flex"
        assert [seen.tier for seen in simulator.requests] == ["standard", "flex"]


def test_flex_can_be_full_while_standard_answers() -> None:
    with Simulator(SimulatorOptions(flex_refused=1)) as simulator:
        url = f"{simulator.url}/v1/models/{MODEL}:generateContent"
        body = request("A")
        sent = {"contents": body["contents"], "generationConfig": body["generation_config"]}
        assert httpx2.post(url, json={**sent, "serviceTier": "flex"}).status_code == 503
        assert httpx2.post(url, json=sent).status_code == 200
