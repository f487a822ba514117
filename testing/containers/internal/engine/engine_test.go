package engine

import (
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"
)

// recorder is a test that ends without being one.
type recorder struct {
	testing.TB
	failed, skipped string
}

func (r *recorder) Helper() {}

func (r *recorder) Fatalf(format string, args ...any) {
	r.failed = fmt.Sprintf(format, args...)
	runtime.Goexit()
}

func (r *recorder) Skipf(format string, args ...any) {
	r.skipped = fmt.Sprintf(format, args...)
	runtime.Goexit()
}

func record(fn func(testing.TB)) *recorder {
	r := &recorder{}
	done := make(chan struct{})
	go func() {
		defer close(done)
		fn(r)
	}()
	<-done
	return r
}

var errAbsent = errors.New("no such socket")

func TestWithoutAnEngineATestSaysWhatToInstall(t *testing.T) {
	t.Setenv("CI", "")
	r := record(func(tb testing.TB) { require(tb, errAbsent) })
	if r.failed != "" || !strings.Contains(r.skipped, "docs.docker.com/engine/install") {
		t.Errorf("failed: %q, skipped: %q", r.failed, r.skipped)
	}
}

func TestWithoutAnEngineATestFailsInCI(t *testing.T) {
	t.Setenv("CI", "true")
	r := record(func(tb testing.TB) { require(tb, errAbsent) })
	if r.skipped != "" || !strings.Contains(r.failed, errAbsent.Error()) {
		t.Errorf("failed: %q, skipped: %q", r.failed, r.skipped)
	}
}

func TestTheImageIsTheFirstThatIsNamed(t *testing.T) {
	t.Setenv(ImageVariable, "")
	if got := Image(""); got != DefaultImage {
		t.Errorf("with nothing named it is %s", got)
	}
	t.Setenv(ImageVariable, "environment:1")
	if got := Image(""); got != "environment:1" {
		t.Errorf("with the variable set it is %s", got)
	}
	if got := Image("given:1"); got != "given:1" {
		t.Errorf("with an option given it is %s", got)
	}
}
