package node_test

import (
	"context"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/simples-go/sessions/testing/containers/internal/node"
)

func query(t *testing.T, url, sql string) string {
	t.Helper()
	conn, err := pgx.Connect(context.Background(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(context.Background()) }()
	var text string
	if err := conn.QueryRow(context.Background(), sql).Scan(&text); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return text
}

func TestTheNodeSurvivesAKill(t *testing.T) {
	n := node.Start(t)
	if on := query(t, n.URL(), "show fsync"); on != "on" {
		t.Fatalf("fsync is %s", on)
	}
	n.Sh(`psql -U postgres -c "create table kept as select 1"`)
	n.Kill()
	n.Again()
	if count := query(t, n.URL(), "select count(*)::text from kept"); count != "1" {
		t.Errorf("after the kill the table holds %s rows", count)
	}
}

func TestStandbyAndPgBouncer(t *testing.T) {
	n := node.Start(t)
	ip, err := n.ContainerIP(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	bouncer := node.URLAt(node.PgBouncer(t, ip), "postgres")
	if one := query(t, bouncer, "select 'through'"); one != "through" {
		t.Errorf("PgBouncer answers %q", one)
	}
	standby := n.Standby(t)
	if in := query(t, standby.URL(), "select pg_is_in_recovery()::text"); in != "true" {
		t.Errorf("the standby is in recovery: %s", in)
	}
	standby.Promote()
	if in := query(t, standby.URL(), "select pg_is_in_recovery()::text"); in != "false" {
		t.Errorf("after its promotion the standby is in recovery: %s", in)
	}
}
