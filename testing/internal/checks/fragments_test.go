package checks

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"path"
	"slices"
	"strings"
	"testing"
)

// variables are what the code blocks of the documentation may use without declaring it.
const variables = `
import (
	"context"
	"database/sql"
	"log/slog"
	"net/http"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/simples-go/sessions/session"
)

var (
	ctx       context.Context
	w         http.ResponseWriter
	r         *http.Request
	s         *session.Session
	sessions  *session.Manager
	mux       *http.ServeMux
	app       http.Handler
	server    *http.Server
	pool      *pgxpool.Pool
	db        *sql.DB
	logger    *slog.Logger
	t         *testing.T
	user      struct{ ID string }
	token     string
	handle    session.Handle
)
`

// known are the packages that blocks without imports of their own may use.
var known = map[string]string{
	"bytes": "bytes", "context": "context", "fs": "io/fs", "errors": "errors", "fmt": "fmt", "http": "net/http", "httptest": "net/http/httptest",
	"hex": "encoding/hex", "io": "io", "json": "encoding/json", "log": "log", "maps": "maps", "os": "os", "signal": "os/signal", "slices": "slices",
	"slog": "log/slog", "sql": "database/sql", "strings": "strings", "sync": "sync", "syscall": "syscall",
	"testing": "testing", "time": "time", "url": "net/url",

	"session":     modulePath + "/session",
	"memstore":    modulePath + "/session/memstore",
	"store":       modulePath + "/session/store",
	"sqlite":      modulePath + "/sqlstore/sqlite",
	"sqlitedb":    modulePath + "/sqlstore/sqlitedb",
	"postgres":    modulePath + "/sqlstore/postgres",
	"migrations":  modulePath + "/migrations",
	"migrate":     modulePath + "/migrations/migrate",
	"sessiontest": modulePath + "/testing/sessiontest",
	"storetest":   modulePath + "/testing/storetest",
	"containers":  modulePath + "/testing/containers",
	"adopt":       modulePath + "/adopt",
	"otelsession": modulePath + "/otel",

	"pgx":       pgx,
	"pgxpool":   pgx + "/pgxpool",
	"websocket": "github.com/coder/websocket",
	"wsjson":    "github.com/coder/websocket/wsjson",
}

// source is a block as a package: its files by name.
type source struct {
	files map[string]string
	test  bool // has tests or examples to be run
}

// wrap makes a package of a block: as it is, as declarations, or as the inside of a function.
func wrap(b block) (source, error) {
	set := token.NewFileSet()
	if file, err := parser.ParseFile(set, "", b.text, 0); err == nil {
		return whole(b, file), nil
	}
	if file, err := parser.ParseFile(set, "", "package fragment; "+b.text, 0); err == nil {
		return fragment(imports(file) + b.lineDirective() + b.text), nil
	}
	const head = "package fragment; func _() error {"
	file, err := parser.ParseFile(set, "", head+b.text+"\n}", 0)
	if err != nil {
		return source{}, fmt.Errorf("neither a file nor declarations nor statements: %w", err)
	}
	body := file.Decls[0].(*ast.FuncDecl).Body
	text := use(b.text, body, int(body.Lbrace))
	return fragment(imports(file) + signature(body) + b.lineDirective() + text + ending(body)), nil
}

// lineDirective lets the compiler name the page.
func (b block) lineDirective() string { return fmt.Sprintf("\n//line %s:%d\n", b.page, b.line+1) }

func whole(b block, file *ast.File) source {
	test := strings.HasSuffix(file.Name.Name, "_test") || imported(file, "testing")
	name := "block.go"
	if file, ok := strings.CutPrefix(b.args, "file="); ok {
		name = path.Base(file)
	} else if test {
		name = "block_test.go"
	}
	return source{files: map[string]string{name: b.text}, test: test}
}

func fragment(text string) source {
	const clause = "package fragment\n"
	return source{files: map[string]string{"block.go": clause + text, "variables.go": clause + variables}}
}

func imported(file *ast.File, path string) bool {
	return slices.ContainsFunc(file.Imports, func(i *ast.ImportSpec) bool { return i.Path.Value == `"`+path+`"` })
}

// imports returns the import declarations for the known packages that a fragment uses and does not import itself.
func imports(file *ast.File) string {
	own := map[string]bool{}
	for _, i := range file.Imports {
		path := strings.Trim(i.Path.Value, `"`)
		own[path[strings.LastIndex(path, "/")+1:]] = true
	}
	needed := map[string]bool{}
	ast.Inspect(file, func(n ast.Node) bool {
		if s, ok := n.(*ast.SelectorExpr); ok {
			if x, ok := s.X.(*ast.Ident); ok && known[x.Name] != "" && !own[x.Name] && ast.IsExported(s.Sel.Name) {
				needed[x.Name] = true
			}
		}
		return true
	})
	var out strings.Builder
	for _, name := range slices.Sorted(maps.Keys(needed)) {
		fmt.Fprintf(&out, "import %q\n", known[name])
	}
	return out.String()
}

func signature(body *ast.BlockStmt) string {
	if returnsValue(body) {
		return "func _() error {"
	}
	return "func _() {"
}

func ending(body *ast.BlockStmt) string {
	if !returnsValue(body) {
		return "\n}\n"
	}
	if _, ok := body.List[len(body.List)-1].(*ast.ReturnStmt); ok {
		return "\n}\n"
	}
	return "\nreturn nil\n}\n"
}

// returnsValue reports whether the statements, function literals aside, return something.
func returnsValue(body *ast.BlockStmt) bool {
	found := false
	ast.Inspect(body, func(n ast.Node) bool {
		if r, ok := n.(*ast.ReturnStmt); ok {
			found = found || len(r.Results) > 0
		}
		_, literal := n.(*ast.FuncLit)
		return !literal
	})
	return found
}

// use adds to the text, after each statement of the outer level that declares variables, one that uses them: a fragment
// may end before it comes to that. The text begins at the position start of the parsed file.
func use(text string, body *ast.BlockStmt, start int) string {
	for _, stmt := range slices.Backward(body.List) {
		assign, ok := stmt.(*ast.AssignStmt)
		if !ok || assign.Tok != token.DEFINE {
			continue
		}
		var uses strings.Builder
		for _, left := range assign.Lhs {
			if name := left.(*ast.Ident).Name; name != "_" {
				fmt.Fprintf(&uses, "; _ = %s", name)
			}
		}
		end := int(stmt.End()) - start - 1
		text = text[:end] + uses.String() + text[end:]
	}
	return text
}

func TestWrap(t *testing.T) {
	cases := map[string]struct{ text, want string }{
		"a file":       {"package main\n\nfunc main() {}\n", "package main\n\nfunc main() {}\n"},
		"declarations": {"var k = time.Second\n", "package fragment\nimport \"time\"\n\n//line p.md:8\nvar k = time.Second\n"},
		"statements": {"n, err := f()\nif err != nil {\n\treturn err\n}\n",
			"package fragment\nfunc _() error {\n//line p.md:8\nn, err := f(); _ = n; _ = err\nif err != nil {\n\treturn err\n}\n\nreturn nil\n}\n"},
		"a handler's inside": {"http.Error(w, \"\", 500)\nreturn\n",
			"package fragment\nimport \"net/http\"\nfunc _() {\n//line p.md:8\nhttp.Error(w, \"\", 500)\nreturn\n\n}\n"},
	}
	for name, c := range cases {
		got, err := wrap(block{page: "p.md", line: 7, text: c.text})
		if err != nil || got.files["block.go"] != c.want {
			t.Errorf("%s: %v\n%s", name, err, got.files["block.go"])
		}
	}
	if _, err := wrap(block{text: "if {"}); err == nil {
		t.Error("a syntax error is wrapped")
	}
}
