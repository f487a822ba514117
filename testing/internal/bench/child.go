package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync"
	"time"
)

// childVariable names the database, the size of a session and the side that a process of this program measures for another one.
const childVariable = "SESSIONS_BENCH_SIDE"

// child is a process that has one side to itself: two that share SQLite's page cache, which belongs to the process,
// would measure each other too.
type child struct {
	cmd *exec.Cmd
	in  io.WriteCloser
	out *json.Decoder
}

// order asks a child for a round, or, where Each is 0, whether its side is ready, and for what.
type order struct {
	Work    string
	Callers int
	Each    time.Duration
}

type answer struct {
	tally
	Lacks bool // what the work needs
	Error string
}

// shared is a log that children write to as well.
type shared struct {
	mu sync.Mutex
	w  io.Writer
}

func (s *shared) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.w.Write(p)
}

// openChildren starts a process for each side, all of which fill their tables at once.
func (o *options) openChildren(ctx context.Context, database string, log io.Writer, names ...string) (sides []*side, done func(), err error) {
	done = func() {
		for _, s := range sides {
			s.child.end()
		}
	}
	for _, name := range names {
		if !o.measures(name) || name == "before" && o.before == "" {
			continue
		}
		c, err := o.startChild(ctx, database, name, log)
		if err != nil {
			return nil, done, err
		}
		sides = append(sides, &side{name: name, child: c})
	}
	for _, s := range sides {
		if _, err := s.child.ask(order{}); err != nil {
			return nil, done, fmt.Errorf("%s: %w", s.name, err)
		}
	}
	return sides, done, nil
}

func (o *options) startChild(ctx context.Context, database, side string, log io.Writer) (*child, error) {
	program, err := os.Executable()
	if side == "before" {
		program = o.before
	}
	if err != nil {
		return nil, err
	}
	c := &child{cmd: exec.CommandContext(ctx, program, o.args...)}
	c.cmd.Env = append(os.Environ(), fmt.Sprintf("%s=%s %d %q", childVariable, database, o.bytes, side))
	c.cmd.Stderr = log
	out, err := c.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if c.in, err = c.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	c.out = json.NewDecoder(out)
	return c, c.cmd.Start()
}

func (c *child) ask(what order) (answer, error) {
	var a answer
	err := json.NewEncoder(c.in).Encode(what)
	if err == nil {
		err = c.out.Decode(&a)
	}
	if err == nil && a.Error != "" {
		err = errors.New(a.Error)
	}
	return a, err
}

// end has the process end, which it does with its input.
func (c *child) end() {
	_ = c.in.Close()
	_ = c.cmd.Wait()
}

// serve is what a child does: it opens its side and makes the rounds that it is asked for.
func (o *options) serve(ctx context.Context, what string, in io.Reader, out, log io.Writer) error {
	var database, name string
	var size int
	if _, err := fmt.Sscanf(what, "%s %d %q", &database, &size, &name); err != nil {
		return fmt.Errorf("%s: %w", childVariable, err)
	}
	if name == "before" {
		name, o.schemas = "sessions", o.schemas+"before_"
	}
	o = o.sized(size)
	o.sides = []string{name}
	sides, done, err := o.openHere(ctx, database, log)
	if done != nil {
		defer done()
	}
	if err == nil && len(sides) != 1 {
		err = fmt.Errorf("no side %q", name)
	}
	if err == nil && o.profile != "" {
		var stop func()
		if stop, err = startProfile(o.profile + "." + name); err == nil {
			defer stop()
		}
	}
	var all runners
	defer func() { all.close() }()
	for orders := json.NewDecoder(in); ; {
		var next order
		if errors.Is(orders.Decode(&next), io.EOF) {
			return nil
		}
		var a answer
		if err == nil && next.Each == 0 {
			a.Lacks = !sides[0].does(next.Work)
		}
		if err == nil && next.Each > 0 {
			var r *runner
			if r, err = all.of(ctx, o, sides[0], next); err == nil {
				a.tally, err = r.round(ctx, next.Each)
			}
		}
		if err != nil {
			a.Error = err.Error()
		}
		if err := json.NewEncoder(out).Encode(a); err != nil {
			return err
		}
	}
}

// runners are those of the works that take turns in one process.
type runners struct {
	callers int
	byWork  map[string]*runner
}

func (all *runners) of(ctx context.Context, o *options, s *side, next order) (*runner, error) {
	if all.callers != next.Callers {
		all.close()
		*all = runners{next.Callers, map[string]*runner{}}
	}
	if r := all.byWork[next.Work]; r != nil {
		return r, nil
	}
	r, err := o.runner(ctx, workloadOf(next.Work), s, next.Callers)
	if err == nil {
		all.byWork[next.Work] = r
	}
	return r, err
}

func (all *runners) close() {
	for _, r := range all.byWork {
		r.close()
	}
}
