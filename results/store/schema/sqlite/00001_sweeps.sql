-- +goose Up
CREATE TABLE scenarios (
    sha256 TEXT PRIMARY KEY,
    name   TEXT NOT NULL,
    text   BLOB NOT NULL,
    files  BLOB NOT NULL
);

CREATE TABLE sweeps (
    id         TEXT PRIMARY KEY,
    name       TEXT NOT NULL,
    kind       TEXT NOT NULL,
    text       BLOB NOT NULL,
    scenario   TEXT NOT NULL REFERENCES scenarios (sha256),
    version    TEXT NOT NULL,
    created_us BIGINT NOT NULL,
    control    TEXT NOT NULL DEFAULT ''
);

CREATE TABLE points (
    id          INTEGER PRIMARY KEY,
    hash        TEXT NOT NULL UNIQUE,
    scenario    TEXT NOT NULL REFERENCES scenarios (sha256),
    settings    TEXT NOT NULL,
    solver      TEXT NOT NULL,
    seed        TEXT NOT NULL,
    warm        TEXT NOT NULL DEFAULT '',
    state       TEXT NOT NULL DEFAULT 'queued' CHECK (state IN ('queued', 'running', 'error', 'completed')),
    attempts    INTEGER NOT NULL DEFAULT 0,
    started_us  BIGINT,
    finished_us BIGINT,
    run_seconds DOUBLE PRECISION,
    error       TEXT NOT NULL DEFAULT '',
    outcome     TEXT NOT NULL DEFAULT '',
    worker      TEXT NOT NULL DEFAULT '',
    artefact    TEXT NOT NULL DEFAULT '',
    version     TEXT NOT NULL DEFAULT ''
);

CREATE TABLE members (
    sweep      TEXT NOT NULL REFERENCES sweeps (id) ON DELETE CASCADE,
    point      BIGINT NOT NULL REFERENCES points (id) ON DELETE CASCADE,
    position   BIGINT NOT NULL,
    parameters TEXT NOT NULL,
    parent     TEXT NOT NULL DEFAULT '',
    verdict    TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (sweep, point)
) WITHOUT ROWID;

CREATE INDEX members_point ON members (point);

CREATE TABLE metric_names (
    id       INTEGER PRIMARY KEY,
    name     TEXT NOT NULL,
    workload TEXT NOT NULL,
    stat     TEXT NOT NULL,
    unit     TEXT NOT NULL,
    UNIQUE (name, workload, stat, unit)
);

CREATE TABLE metrics (
    metric BIGINT NOT NULL REFERENCES metric_names (id),
    point  BIGINT NOT NULL REFERENCES points (id) ON DELETE CASCADE,
    value  DOUBLE PRECISION,
    low    DOUBLE PRECISION,
    high   DOUBLE PRECISION,
    n      INTEGER NOT NULL,
    PRIMARY KEY (metric, point)
) WITHOUT ROWID;

CREATE TABLE histograms (
    point    BIGINT NOT NULL REFERENCES points (id) ON DELETE CASCADE,
    workload TEXT NOT NULL,
    name     TEXT NOT NULL,
    data     BLOB NOT NULL,
    PRIMARY KEY (point, workload, name)
);

CREATE TABLE runs (
    point BIGINT PRIMARY KEY REFERENCES points (id) ON DELETE CASCADE,
    data  BLOB NOT NULL
);

-- +goose Down
DROP TABLE runs;
DROP TABLE histograms;
DROP TABLE metrics;
DROP TABLE metric_names;
DROP TABLE members;
DROP TABLE points;
DROP TABLE sweeps;
DROP TABLE scenarios;
