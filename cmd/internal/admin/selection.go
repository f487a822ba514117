package admin

import (
	"unicode/utf8"

	"github.com/simples-go/sessions/cmd/internal/cli"
	"github.com/simples-go/sessions/session/store"
)

// selection says which sessions a command works on.
type selection struct {
	store.Selector
	changes bool // they are to be ended
}

// selectionFlags are the flags of a selection.
type selectionFlags struct {
	owner, prefix, tag, session, realm, except *string
	everybody                                  *bool
}

func newSelectionFlags(f *cli.Flags) selectionFlags {
	return selectionFlags{
		owner: f.String("owner"), prefix: f.String("owner-prefix"), tag: f.String("tag"), session: f.String("session"),
		realm: f.String("realm"), except: f.String("except"), everybody: f.Bool("everybody"),
	}
}

// parse refuses what selects nothing, or more than the command is for.
func (f selectionFlags) parse(changes bool) (s selection, err error) {
	s = selection{store.Selector{Owner: *f.owner, OwnerPrefix: *f.prefix, Tag: *f.tag, Realm: *f.realm}, changes}
	if s.Key, err = handleOf("--session", *f.session); err != nil {
		return s, err
	}
	if s.Except, err = handleOf("--except", *f.except); err != nil {
		return s, err
	}
	narrow := s.Valid()
	switch {
	case !utf8.ValidString(s.OwnerPrefix):
		return s, cli.Misuse("--owner-prefix is not valid UTF-8")
	case *f.everybody && (narrow || s.Realm != ""):
		return s, cli.Misuse("--everybody is all there are: leave out the other selection")
	case !changes && (*f.everybody || !narrow):
		return s, cli.Misuse("name --owner, --owner-prefix, --tag or --session")
	case !changes && !s.Except.IsZero():
		return s, cli.Misuse("--except belongs to revoke")
	case !narrow && s.Realm == "" && !*f.everybody:
		return s, cli.Misuse("name --owner, --owner-prefix, --tag, --session or --realm, or say --everybody")
	}
	s.All = !narrow
	return s, nil
}

func handleOf(flag, text string) (store.Handle, error) {
	if text == "" {
		return store.Handle{}, nil
	}
	handle, err := store.ParseHandle(text)
	if err != nil {
		return handle, cli.Misuse("%s is not the handle of a session, a UUID in lower case", flag)
	}
	return handle, nil
}
