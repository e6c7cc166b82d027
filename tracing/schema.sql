CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT NOT NULL);

CREATE TABLE IF NOT EXISTS calls (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    key TEXT NOT NULL,
    cycle INTEGER NOT NULL,
    role TEXT NOT NULL,
    span TEXT NOT NULL,
    attempt INTEGER NOT NULL,
    endpoint TEXT NOT NULL,
    model TEXT NOT NULL,
    ability TEXT NOT NULL,
    request TEXT NOT NULL,
    prompts TEXT NOT NULL,
    status TEXT NOT NULL,
    raw TEXT NOT NULL,
    flags TEXT NOT NULL,
    faults TEXT NOT NULL,
    input_tokens INTEGER NOT NULL,
    output_tokens INTEGER NOT NULL,
    estimated INTEGER NOT NULL,
    cost_usd REAL,
    price_source TEXT,
    seconds REAL NOT NULL
);
CREATE INDEX IF NOT EXISTS calls_by_key ON calls (key);
CREATE INDEX IF NOT EXISTS calls_by_span ON calls (span, role);
-- holds all that usage is summed from, so that the long texts of the rows are not read for it
CREATE INDEX IF NOT EXISTS calls_by_usage
    ON calls (cycle, role, status, input_tokens, output_tokens, cost_usd, estimated);

-- holds all that lists of calls show, for the same reason
CREATE INDEX IF NOT EXISTS calls_by_outline
    ON calls (seq, id, cycle, role, span, attempt, model, status, input_tokens, output_tokens, estimated, cost_usd,
    seconds, prompts, faults, flags);

CREATE TABLE IF NOT EXISTS abilities (
    endpoint TEXT NOT NULL, model TEXT NOT NULL, ability TEXT NOT NULL, PRIMARY KEY (endpoint, model)
);

CREATE TABLE IF NOT EXISTS messages (
    cycle INTEGER NOT NULL,
    span TEXT NOT NULL,
    kind TEXT NOT NULL,
    sender TEXT NOT NULL,
    receiver TEXT NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (span, kind)
);
CREATE INDEX IF NOT EXISTS messages_by_cycle ON messages (cycle);

CREATE TABLE IF NOT EXISTS weaknesses (
    id TEXT PRIMARY KEY,
    cycle INTEGER NOT NULL,
    name TEXT NOT NULL,
    pattern TEXT NOT NULL,
    labels TEXT NOT NULL,
    evidence TEXT NOT NULL,
    advice TEXT NOT NULL,
    state TEXT NOT NULL,
    effect REAL,
    mastery TEXT,
    tested TEXT
);
CREATE INDEX IF NOT EXISTS weaknesses_by_cycle ON weaknesses (cycle);

CREATE TABLE IF NOT EXISTS lessons (
    id TEXT PRIMARY KEY,
    cycle INTEGER NOT NULL,
    weakness TEXT,
    kind TEXT NOT NULL DEFAULT '',
    plan TEXT NOT NULL,
    drafts INTEGER NOT NULL DEFAULT 0,
    labelled INTEGER NOT NULL DEFAULT 0,
    faults TEXT NOT NULL DEFAULT '[]'
);
CREATE INDEX IF NOT EXISTS lessons_by_cycle ON lessons (cycle);

CREATE TABLE IF NOT EXISTS samples (
    id TEXT PRIMARY KEY,
    cycle INTEGER NOT NULL,
    lesson TEXT NOT NULL,
    weakness TEXT,
    text TEXT NOT NULL,
    difficulty TEXT NOT NULL,
    intended TEXT NOT NULL,
    candidates TEXT,
    confidence REAL,
    label TEXT,
    state TEXT NOT NULL,
    reason TEXT,
    disputed INTEGER NOT NULL DEFAULT 0,
    masked TEXT NOT NULL DEFAULT '[]',
    purpose TEXT,
    exam TEXT,
    draft_call TEXT NOT NULL,
    label_call TEXT,
    kind TEXT NOT NULL DEFAULT '',
    source TEXT,
    pair TEXT NOT NULL DEFAULT '',
    audited INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX IF NOT EXISTS samples_by_cycle ON samples (cycle);
CREATE INDEX IF NOT EXISTS samples_by_lesson ON samples (lesson, state, id);
CREATE INDEX IF NOT EXISTS samples_by_state ON samples (state, cycle, purpose);

CREATE TABLE IF NOT EXISTS cycles (cycle INTEGER NOT NULL, part TEXT NOT NULL, body TEXT NOT NULL, PRIMARY KEY (cycle, part));

CREATE TABLE IF NOT EXISTS timings (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, cycle INTEGER NOT NULL, node TEXT NOT NULL, seconds REAL NOT NULL
);
CREATE INDEX IF NOT EXISTS timings_by_cycle ON timings (cycle);

-- what people decided about texts; of several rows about a text the last one is in force
CREATE TABLE IF NOT EXISTS reviews (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    sample TEXT NOT NULL,
    cycle INTEGER NOT NULL,
    text TEXT NOT NULL,
    action TEXT NOT NULL,
    answer TEXT,
    proposed TEXT,
    reviewer TEXT NOT NULL,
    time TEXT NOT NULL,
    rest INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX IF NOT EXISTS reviews_by_sample ON reviews (sample, seq);

-- calls that were sent as batches, stored before they are uploaded; batch: the id at the server, NULL until it is known
CREATE TABLE IF NOT EXISTS batches (
    token TEXT PRIMARY KEY,
    endpoint TEXT NOT NULL,
    model TEXT NOT NULL,
    created REAL NOT NULL,
    batch TEXT
);
CREATE TABLE IF NOT EXISTS batch_rows (
    token TEXT NOT NULL, key TEXT NOT NULL, settled INTEGER NOT NULL DEFAULT 0, PRIMARY KEY (token, key)
);
