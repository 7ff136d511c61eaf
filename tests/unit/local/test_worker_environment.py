"""A child process gets every setting of its parent, whatever kind of value it is."""

from __future__ import annotations

from pathlib import Path

import pytest

from deploy.local.workers import environment
from shared.settings import Settings, load


def test_settings_come_out_of_a_child_s_environment_as_they_went_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parent = load(
        data_dir=tmp_path, partitions=8, author_secret="a secret of some length", audit_secret="another one of some length",
        sketch_secret="a third one of some length", previous_author_secrets="a fourth one of some length",
        meddra_version="27.1", no_case_export="x,reddit", reference_safety=tmp_path / "safety.csv", gated=False, retry_first=0.5,
        notifiers_file=tmp_path / "notifiers.toml", sources_file=tmp_path / "sources.toml",
        drugs_file=tmp_path / "drugs.csv", drift_window=700,
        dashboard_oidc_issuer="https://id.example.org", dashboard_oidc_client_id="adrwatch",
        dashboard_oidc_client_secret="a fifth one", dashboard_oidc_claim="teams", dashboard_oidc_roles="safety=assessor,it=admin",
        dashboard_proxies="10.0.0.0/8,::1",
        traces_endpoint="http://collector:4318", traces_ratio=0.25,
        spool_mib=7, spool_fsync="2.5", push_host="::1", push_port=7, kafka_security="SASL_SSL", kafka_sasl_mechanism="PLAIN",
        kafka_username="adrwatch", kafka_password="a fifth one", kafka_ca_file=tmp_path / "ca.pem",
        kafka_cert_file=tmp_path / "a.crt", kafka_key_file=tmp_path / "a.key", redis_username="desk",
        redis_password="a sixth one",
        redis_ca_file=tmp_path / "ca.pem", redis_cert_file=tmp_path / "a.crt", redis_key_file=tmp_path / "a.key",
        triton_security="SSL", triton_ca_file=tmp_path / "ca.pem", triton_cert_file=tmp_path / "a.crt",
        triton_key_file=tmp_path / "a.key",
    )  # fmt: skip
    addresses = {"kafka_bootstrap": "127.0.0.1:1", "redis_url": "redis://127.0.0.1:2/0", "triton_url": "127.0.0.1:3"}
    for name, value in environment(parent, addresses).items():
        monkeypatch.setenv(name, value)
    child = load()
    assert child == parent.model_copy(update=addresses)
    assert set(Settings.model_fields) == set(child.model_dump())
