package storetest

import (
	"bytes"
	"strings"
	"time"

	"github.com/simples-go/sessions/session/store"
)

func attributeRules() []rule {
	return []rule{
		{
			name: "an attribute is set and taken away",
			text: "For Tag, Persistence and Device, nil leaves what the row has, a value sets it, and the zero value takes it away.",
			test: attributesAreSet,
		},
		{
			name: "attributes stay",
			text: "Owner, Tag, Persistence, Device, AuthenticatedAt and the row's own timeouts survive saves, touches, rotations, " +
				"renewals and a Clear.",
			test: attributesStay,
		},
		{
			name: "an authentication has its time",
			text: "Authenticate makes now the AuthenticatedAt of the row, in Create and Save; nothing else does.",
			test: authenticates,
		},
		{
			name: "any device goes",
			text: "Device is bytes of any value, up to 4096 of them, kept apart from those of the caller.",
			test: anyDevice,
		},
		{
			name: "attributes are set together with the data",
			text: "A Save that is refused, for its version or its size, sets no attribute.",
			test: attributesWithData,
		},
	}
}

// attributed is a change that gives a session all that one can have.
func attributed() store.Change {
	c := set("a", `1`)
	c.Owner, c.Tag, c.Persistence, c.Device = ptr("anna"), ptr("login-7"), ptr(store.NonPersistent), ptr([]byte("key\x00\xff"))
	c.Authenticate, c.Idle, c.Absolute = true, ptr(2*idle), ptr(2*absolute)
	return c
}

func attributesAreSet(e *env) {
	ref := e.created(store.Change{})
	check := func(tag string, persistence store.Persistence, device string) {
		e.Helper()
		if r := e.load(ref); r.Tag != tag || r.Persistence != persistence || string(r.Device) != device {
			e.Errorf("the row has tag %q, persistence %d, device %q; want %q, %d, %q",
				r.Tag, r.Persistence, r.Device, tag, persistence, device)
		}
	}
	check("", store.DefaultPersistence, "")
	e.save(ref, store.Change{Tag: ptr("o'brien\"\\ü")})
	for _, p := range []store.Persistence{store.DefaultPersistence, store.Persistent, store.NonPersistent} {
		check("o'brien\"\\ü", store.DefaultPersistence, "")
		e.save(ref, store.Change{Persistence: &p})
		check("o'brien\"\\ü", p, "")
		e.save(ref, store.Change{Persistence: ptr(store.DefaultPersistence)})
	}
	e.save(ref, store.Change{Persistence: ptr(store.NonPersistent)})
	e.save(ref, store.Change{Device: ptr([]byte("key"))})
	check("o'brien\"\\ü", store.NonPersistent, "key")
	e.save(ref, store.Change{Tag: ptr("")})
	check("", store.NonPersistent, "key")
	e.save(ref, store.Change{Persistence: ptr(store.DefaultPersistence)})
	check("", store.DefaultPersistence, "key")
	e.save(ref, store.Change{Device: ptr([]byte{})})
	check("", store.DefaultPersistence, "")
	ref = e.created(attributed())
	check("login-7", store.NonPersistent, "key\x00\xff")
}

func attributesStay(e *env) {
	ref := e.created(attributed())
	want := e.load(ref)
	e.Advance(idle / 2)
	stay := func(after string) {
		e.Helper()
		r := e.load(ref)
		if r.Owner != want.Owner || r.Tag != want.Tag || r.Persistence != want.Persistence || r.Timeouts != want.Timeouts ||
			!bytes.Equal(r.Device, want.Device) || r.Now.Sub(r.AuthenticatedAt) < idle/2 || r.AuthenticatedAt.IsZero() {
			e.Errorf("after %s: got %+v, want what was in %+v", after, r, want)
		}
	}
	e.save(ref, set("b", `2`))
	stay("a save")
	e.save(ref, store.Change{Extend: true})
	stay("a save that extends")
	e.touch(ref)
	stay("a touch")
	ref = e.rotate(ref, store.Change{})
	stay("a rotation")
	e.save(ref, store.Change{Renew: true})
	stay("a renewal")
	e.save(ref, store.Change{Clear: true})
	stay("a clear")
}

func authenticates(e *env) {
	ref := e.ref()
	saved := e.create(ref, store.Change{Authenticate: true})
	if r := e.load(ref); !r.AuthenticatedAt.Equal(saved.Now) {
		e.Errorf("authenticated at %v, created at %v", r.AuthenticatedAt, saved.Now)
	}
	ref = e.created(store.Change{Owner: ptr("anna"), Renew: true})
	ref = e.rotate(ref, store.Change{Renew: true, Extend: true})
	if r := e.load(ref); !r.AuthenticatedAt.IsZero() {
		e.Errorf("authenticated at %v without an authentication", r.AuthenticatedAt)
	}
	for range 2 {
		e.Advance(time.Minute)
		saved = e.save(ref, store.Change{Authenticate: true})
		if r := e.load(ref); !r.AuthenticatedAt.Equal(saved.Now) || r.CreatedAt.Equal(saved.Now) {
			e.Errorf("saved at %v, authenticated at %v, created at %v", saved.Now, r.AuthenticatedAt, r.CreatedAt)
		}
	}
}

func anyDevice(e *env) {
	var all [256]byte
	for i := range all {
		all[i] = byte(i)
	}
	for _, device := range []string{"\x00", "\xff\xfe", `{"a":1}`, ",", string(all[:]), strings.Repeat("\x00k", 2048)} {
		given := []byte(device)
		ref := e.created(store.Change{Device: &given})
		clear(given)
		if r := e.load(ref); string(r.Device) != device {
			e.Errorf("the device is %.40q, want %.40q", r.Device, device)
		}
	}
}

func attributesWithData(e *env) {
	ref := e.created(set("a", `1`))
	before := e.load(ref)
	change := attributed()
	change.IfVersion = 7
	_, err := e.Store.Save(e.ctx, ref, change)
	e.failed(err, store.ErrConflict, ref, "Save of another version")
	small := ref
	small.Policy.MaxBytes = 16
	change = attributed()
	change.Set["a"] = []byte(`"` + strings.Repeat("x", 16) + `"`)
	_, err = e.Store.Save(e.ctx, small, change)
	e.failed(err, store.ErrTooLarge, ref, "Save of too much")
	e.unchanged(ref, before)
}
