"""`strongroom serve`: starts the server."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from strongroom import __version__
from strongroom.cli.options import ConfigFile, Database, DataDir, configuration
from strongroom.config import Config
from strongroom.first_start import prepare
from strongroom.listeners import metrics_token, require_safe_listener
from strongroom.logs import configure_logging
from strongroom.processes import bind, tls_context
from strongroom.processes import serve as run_server


def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on; default 127.0.0.1.")] = None,
    port: Annotated[int | None, typer.Option(help="TCP port; default 4584, 0 takes a free one.")] = None,
    data_dir: DataDir = None,
    database: Database = None,
    workers: Annotated[int | None, typer.Option(help="Worker processes; default 1.")] = None,
    tls_cert: Annotated[Path | None, typer.Option(help="PEM file of the certificate chain.")] = None,
    tls_key: Annotated[Path | None, typer.Option(help="PEM file of the private key.")] = None,
    insecure_http: Annotated[
        bool | None, typer.Option("--insecure-http", help="Allow plain HTTP beyond loopback.")
    ] = None,
    account_id: Annotated[str | None, typer.Option(help="AWS account id; default 123456789012.")] = None,
    region: Annotated[str | None, typer.Option(help="Region the printed instructions use.")] = None,
    metrics: Annotated[bool | None, typer.Option("--metrics", help="Serve counters at /metrics.")] = None,
    log_level: Annotated[str | None, typer.Option(help="debug, info, warning or error.")] = None,
    config_file: ConfigFile = None,
) -> None:
    """Start the server. The first start makes the database, the root key and the root access key."""
    config = configuration(
        config_file,
        host=host,
        port=port,
        data_dir=data_dir,
        database=database,
        workers=workers,
        tls_cert=tls_cert,
        tls_key=tls_key,
        insecure_http=insecure_http or None,
        account_id=account_id,
        region=region,
        metrics=metrics or None,
        log_level=log_level,
    ).config
    _run(config)


def _run(config: Config) -> None:
    configure_logging(config.log_level)
    require_safe_listener(config)
    metrics_token(config)
    tls_context(config)
    listeners = bind(config)
    is_first = prepare(config)
    endpoint = _endpoint(config, listeners[0].getsockname()[1])
    run_server(config, listeners, lambda: _announce(config, endpoint, is_first=is_first))
    typer.echo("Strongroom has stopped; everything is on disk.", err=True)


def _endpoint(config: Config, port: int) -> str:
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(config.host, config.host)  # noqa: S104 - shown, not bound
    return f"{config.scheme}://{f'[{host}]' if ':' in host else host}:{port}"


def _announce(config: Config, endpoint: str, *, is_first: bool) -> None:
    bold = partial(typer.style, bold=True)
    typer.echo(f"{bold(f'Strongroom {__version__}')} answers at {bold(endpoint)}", err=True)
    typer.echo(f"  data directory: {config.data_dir}", err=True)
    if is_first:
        back_up = bold(f"back up {config.root_key_path}", fg="yellow")
        typer.echo("  first start: made the database, the root key and the root access key", err=True)
        typer.echo(f"  {back_up}; without it no secret can be read", err=True)
    typer.echo("\nPoint AWS clients here:\n", err=True)
    if config.credentials_path.exists():
        typer.echo(f"  export AWS_SHARED_CREDENTIALS_FILE={config.credentials_path}", err=True)
    else:
        hint = "  # with an access key of this deployment: strongroom access-keys create makes another"
        typer.echo(hint, err=True)
    typer.echo(f"  export AWS_ENDPOINT_URL_SECRETS_MANAGER={endpoint}", err=True)
    typer.echo(f"  export AWS_ENDPOINT_URL_STS={endpoint} AWS_ENDPOINT_URL_IAM={endpoint}", err=True)
    typer.echo(f"  export AWS_ENDPOINT_URL_CLOUDTRAIL={endpoint}", err=True)
    typer.echo(f"  export AWS_REGION={config.region} AWS_DEFAULT_REGION={config.region}\n", err=True)
