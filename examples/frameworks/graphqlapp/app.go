// Package graphqlapp shows sessions with GraphQL: queries and mutations over HTTP, and subscriptions over a WebSocket
// that speaks graphql-transport-ws.
package graphqlapp

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log"
	"log/slog"
	"net/http"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/go-chi/chi/v5/middleware"
	"github.com/graph-gophers/graphql-go"
	"github.com/simples-go/sessions/examples/frameworks/suite"
	"github.com/simples-go/sessions/session"
)

const schema = `
type Query { account: Account! }
type Mutation {
  login(user: String!): Account!
  logout: Boolean!
  end(session: ID!): Boolean!
  fill: Boolean!
  break: Boolean!
}
type Subscription { account: Account! }
type Account { user: String!  flash: String!  here: ID!  sessions: [ID!]! }
`

// New returns the program.
func New(sessions *session.Manager) http.Handler {
	parsed := graphql.MustParseSchema(schema, &resolver{sessions}, graphql.MaxDepth(10), graphql.Logger(silent{}))
	r := chi.NewRouter()
	logger := middleware.RequestLogger(&middleware.DefaultLogFormatter{Logger: log.New(io.Discard, "", 0)})
	r.Use(middleware.RequestID, logger, middleware.Recoverer, middleware.Compress(5), middleware.RequestSize(1<<20))
	r.Use(http.NewCrossOriginProtection().Handler)
	r.Use(sessions.Handler)
	r.With(middleware.Timeout(10*time.Second)).Post("/graphql", execute(parsed))
	r.Get("/graphql", subscribe(parsed)) // a WebSocket
	return r
}

// execute answers queries and mutations. One that has failed as a whole, a panic included, has a status of 500, so that
// nothing of it is saved.
func execute(parsed *graphql.Schema) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var in operation
		if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
			http.Error(w, "bad request", http.StatusBadRequest)
			return
		}
		out := parsed.Exec(r.Context(), in.Query, in.Name, in.Variables)
		w.Header().Set("Content-Type", "application/graphql-response+json")
		if len(out.Errors) > 0 && (len(out.Data) == 0 || string(out.Data) == "null") {
			w.WriteHeader(http.StatusInternalServerError)
		}
		if err := json.NewEncoder(w).Encode(out); err != nil {
			slog.DebugContext(r.Context(), "the client has gone", "error", err)
		}
	}
}

// operation is what a client sends.
type operation struct {
	Query     string         `json:"query"`
	Name      string         `json:"operationName"`
	Variables map[string]any `json:"variables"`
}

type silent struct{}

// LogPanic implements log.Logger.
func (silent) LogPanic(context.Context, any) {}

// resolver is that of the three root types.
type resolver struct{ sessions *session.Manager }

// Query returns the resolver of queries.
func (r *resolver) Query() *query { return &query{r.sessions} }

// Mutation returns the resolver of mutations.
func (r *resolver) Mutation() *mutation { return &mutation{query{r.sessions}} }

// Subscription returns the resolver of subscriptions.
func (r *resolver) Subscription() *subscription { return &subscription{query{r.sessions}} }

type query struct{ sessions *session.Manager }

// account shows the session.
type account struct{ shown map[string]any }

// Account shows who is logged in, the flash message once, and the user's sessions.
func (q *query) Account(ctx context.Context) (*account, error) {
	shown, err := suite.Account(ctx, q.sessions)
	return &account{shown}, err
}

// User is who is logged in.
func (a *account) User() string { return a.shown["user"].(string) }

// Flash is the message for once.
func (a *account) Flash() string { return a.shown["flash"].(string) }

// Here is this session.
func (a *account) Here() graphql.ID { return graphql.ID(a.shown["here"].(session.Handle).String()) }

// Sessions are all of the user's.
func (a *account) Sessions() (ids []graphql.ID) {
	for _, handle := range a.shown["sessions"].([]session.Handle) {
		ids = append(ids, graphql.ID(handle.String()))
	}
	return ids
}

type mutation struct{ query }

// Login begins a user's session. The account is shown as it is then, so it saves first.
func (m *mutation) Login(ctx context.Context, in struct{ User string }) (*account, error) {
	if _, err := suite.Login(ctx, in.User); err != nil {
		return nil, err
	}
	if err := session.FromContext(ctx).Save(ctx); err != nil {
		return nil, err
	}
	list, err := m.sessions.Sessions(ctx, in.User)
	handles := []session.Handle{}
	for _, one := range list {
		handles = append(handles, one.Handle)
	}
	return &account{map[string]any{
		"user": in.User, "flash": "", "here": session.FromContext(ctx).Handle(), "sessions": handles,
	}}, err
}

// Logout ends the session.
func (m *mutation) Logout(ctx context.Context) (bool, error) { return true, suite.Logout(ctx) }

// End ends one of the user's sessions.
func (m *mutation) End(ctx context.Context, in struct{ Session graphql.ID }) (bool, error) {
	return suite.End(ctx, m.sessions, string(in.Session))
}

// Fill sets more than a session holds.
func (m *mutation) Fill(ctx context.Context) (bool, error) {
	suite.Fill(ctx)
	return true, nil
}

// Break panics.
func (m *mutation) Break(ctx context.Context) (bool, error) {
	suite.Break(ctx)
	return true, nil
}

type subscription struct{ query }

// Account shows the account now, and whenever another request has changed the session.
func (s *subscription) Account(ctx context.Context) <-chan *account {
	shown := make(chan *account)
	go func() {
		defer close(shown)
		of := session.FromContext(ctx)
		for of.Load(ctx) == nil {
			next, err := s.query.Account(ctx)
			if errors.Join(err, of.Save(ctx)) != nil {
				return
			}
			select {
			case shown <- next:
			case <-ctx.Done():
				return
			}
			select {
			case <-of.RemoteChanges():
			case <-ctx.Done():
				return
			}
		}
	}()
	return shown
}
