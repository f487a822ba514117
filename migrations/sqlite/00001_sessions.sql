-- +goose Up
create table {{table}} (
    id blob not null primary key check (length(id) = 16),
    secret_hash blob not null check (length(secret_hash) = 32),
    rotated_at integer,
    data text not null check (json_valid(data) and json_type(data) = 'object'),
    version integer not null,
    owner text,
    idle_timeout_ms integer,
    absolute_timeout_ms integer,
    created_at integer not null,
    expires_at integer not null
) strict;

create index "{{name}}_expires_at_idx" on {{table}} (expires_at);

create index "{{name}}_owner_idx" on {{table}} (owner) where owner is not null;

-- +goose Down
drop table {{table}};
