package migrate

import "fmt"

// stranger is a library that stores sessions in a table of its own, which ours may meet under the same name.
type stranger struct {
	name    string
	columns []string
}

var strangers = []stranger{
	{"scs", []string{"token", "data", "expiry"}},
	{"Rails", []string{"session_id", "data", "updated_at"}},
	{"Laravel", []string{"payload", "last_activity"}},
	{"connect-pg-simple", []string{"sid", "sess", "expire"}},
	{"gorilla/sessions", []string{"key", "data", "created_on", "expires_on"}},
	{"Django", []string{"session_key", "session_data", "expire_date"}},
}

// ofStranger says whose table it is, judged by its columns, and what to do; "" if that is not known.
func (m *Migrator) ofStranger(columns []string) string {
	for _, s := range strangers {
		if len(missing(columns, s.columns)) == 0 {
			return fmt.Sprintf("%s is a table of sessions that %s has made: leave it to that and give ours another name, with "+
				"--table web_sessions here and with WithTable in the store; or rename that one, once nobody uses it",
				m.table.Quoted(), s.name)
		}
	}
	return ""
}
