-- +goose Up
create table {{table}} (
    id blob not null primary key check (length(id) = 16),
    secret_hash blob not null check (length(secret_hash) = 32),
    version integer not null,
    created_at integer not null,
    accessed_at integer not null,
    expires_at integer not null,
    realm text,
    owner text,
    tag text,
    idle_timeout_ms integer,
    absolute_timeout_ms integer,
    persistence integer check (persistence in (1, 2)),
    authenticated_at integer,
    rotated_at integer,
    former_hashes blob check (length(former_hashes) % 32 = 0),
    device blob,
    data text not null check (json_valid(data) and json_type(data) = 'object')
) strict;

create index "{{name}}_expires_at_idx" on {{table}} (expires_at);

create index "{{name}}_owner_idx" on {{table}} (owner, realm) where owner is not null;

create index "{{name}}_tag_idx" on {{table}} (tag, realm) where tag is not null;

-- +goose Down
drop table {{table}};
