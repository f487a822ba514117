package pgstore

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
)

// Plan is a node of what EXPLAIN says.
type Plan struct {
	NodeType  string  `json:"Node Type"`
	Relation  string  `json:"Relation Name"`
	Index     string  `json:"Index Name"`
	IndexCond string  `json:"Index Cond"`
	Rows      float64 `json:"Actual Rows"`
	Loops     float64 `json:"Actual Loops"`
	Plans     []Plan
}

// Scans returns the nodes that read a table and were run. One that reads by a bitmap names the index of that.
func (p *Plan) Scans() []Plan {
	var all []Plan
	if p.Relation != "" && p.Loops > 0 && strings.Contains(p.NodeType, "Scan") {
		scan := *p
		for _, child := range p.Plans {
			if child.NodeType == "Bitmap Index Scan" {
				scan.Index, scan.IndexCond = child.Index, child.IndexCond
			}
		}
		all = append(all, scan)
	}
	for _, child := range p.Plans {
		all = append(all, child.Scans()...)
	}
	return all
}

// Explain runs a statement as the server runs it once it is prepared, with the kind of plan that mode names
// (force_generic_plan, force_custom_plan), takes it back, and returns how it was run.
func Explain(tb testing.TB, url, mode string, st Statement) Plan {
	tb.Helper()
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		tb.Fatal(err)
	}
	defer func() { _ = conn.Close(ctx) }()
	plan, err := explain(ctx, conn, mode, st)
	if err != nil {
		tb.Fatalf("explaining %s: %v", st.SQL, err)
	}
	return plan
}

func explain(ctx context.Context, conn *pgx.Conn, mode string, st Statement) (Plan, error) {
	literals, err := literals(ctx, conn, st)
	if err != nil {
		return Plan{}, err
	}
	execute := "execute explained"
	if len(literals) > 0 {
		execute += "(" + strings.Join(literals, ", ") + ")"
	}
	setup := fmt.Sprintf("begin; set local plan_cache_mode = %s; prepare explained as %s", mode, st.SQL)
	if _, err := conn.PgConn().Exec(ctx, setup).ReadAll(); err != nil {
		return Plan{}, err
	}
	var text string
	err = conn.QueryRow(ctx, "explain (analyze, timing off, format json) "+execute, pgx.QueryExecModeExec).Scan(&text)
	if err != nil {
		return Plan{}, err
	}
	_, err = conn.Exec(ctx, "rollback")
	return decodePlan(text, err)
}

func decodePlan(text string, err error) (Plan, error) {
	if err != nil {
		return Plan{}, err
	}
	var top []struct{ Plan Plan }
	if err := json.Unmarshal([]byte(text), &top); err != nil || len(top) != 1 {
		return Plan{}, fmt.Errorf("%d plans in %s: %w", len(top), text, err)
	}
	return top[0].Plan, nil
}

// literals returns a statement's arguments as SQL has them.
func literals(ctx context.Context, conn *pgx.Conn, st Statement) ([]string, error) {
	prepared, err := conn.Prepare(ctx, "described", st.SQL)
	if err != nil {
		return nil, err
	}
	all := make([]string, len(st.Args))
	for i, arg := range st.Args {
		text, err := conn.TypeMap().Encode(prepared.ParamOIDs[i], pgx.TextFormatCode, arg, nil)
		if err != nil {
			return nil, err
		}
		if all[i] = "null"; text != nil {
			all[i] = "'" + strings.ReplaceAll(string(text), "'", "''") + "'"
		}
	}
	return all, nil
}
