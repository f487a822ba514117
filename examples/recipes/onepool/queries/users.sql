create table users (
    name text primary key,
    password text not null check (password <> '')
);
