-- name: SetPassword :exec
update users set password = $2 where name = $1;

-- name: EndSessions :exec
delete from sessions where owner = $1;
