"""Plans written by C++ follow docs/plan.schema.json, and what the C++ reader refuses the schema refuses too."""

import json

import pytest
from sirfp_program import ROOT, cpp_samples

jsonschema = pytest.importorskip("jsonschema", reason="the jsonschema package is not installed")


@pytest.fixture(scope="module")
def schema():
    schema = json.loads((ROOT / "docs" / "plan.schema.json").read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


@pytest.fixture(scope="module")
def plans(tmp_path_factory):
    folder = cpp_samples("plan_test", "SIRFP_PLAN_FOLDER", tmp_path_factory.mktemp("plans"))
    return [json.loads(path.read_text()) for path in sorted(folder.glob("plan*.json"))]


def test_plans_follow_the_schema(schema, plans):
    assert len(plans) == 20
    for plan in plans:
        schema.validate(plan)
    assert any(plan["literals"] for plan in plans)
    assert any(piece["blocks"] > 1 for plan in plans for piece in plan["slices"])


@pytest.mark.parametrize(
    "edit",
    [
        lambda plan: plan.update(version=2),
        lambda plan: plan.update(extra=1),
        lambda plan: plan.pop("network"),
        lambda plan: plan["groups"][0].pop("kept"),
        lambda plan: plan["groups"][0]["kept"].append(-1),
        lambda plan: plan["groups"][0]["kept"].append(plan["groups"][0]["kept"][0]),
        lambda plan: plan["groups"][0]["kept"].append("a"),
        lambda plan: plan["slices"][0].update(blocks=0),
        lambda plan: plan["cost"]["after"].pop("flops"),
        lambda plan: plan["groups"][0].update(predicted_error=-1),
        lambda plan: plan["groups"][0].update(best_predicted=[{"channel": 0, "explained": 2, "by": []}]),
    ],
)
def test_edited_plans_do_not(schema, plans, edit):
    plan = json.loads(json.dumps(plans[0]))
    edit(plan)
    assert not schema.is_valid(plan)
