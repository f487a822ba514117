package gc

import (
	"bufio"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/simples-go/sessions/session/store"
)

const (
	lastSuccess = "sessions_gc_last_success_timestamp_seconds"
	deleted     = "sessions_gc_deleted_total"

	largestCount = 1 << 53 // up to which a float64 counts one by one
)

func (m metricsFile) text(r store.CollectReport, start time.Time, failed error) string {
	before := m.before(start)
	success := before[lastSuccess]
	if failed == nil {
		success = float64(start.Unix())
	}
	var b strings.Builder
	add := func(name, kind, what string, value float64) {
		fmt.Fprintf(&b, "# HELP %s %s\n# TYPE %s %s\n%s %s\n", name, what, name, kind, m.series(name), number(value))
	}
	add("sessions_gc_last_run_timestamp_seconds", "gauge", "Start of the last run.", float64(start.Unix()))
	add(lastSuccess, "gauge", "Start of the last run that did not fail.", success)
	add("sessions_gc_success", "gauge", "1 if the last run did not fail.", truth(failed == nil))
	add(deleted, "counter", "Rows deleted by all runs.", before[deleted]+float64(r.Deleted))
	add("sessions_gc_last_run_deleted", "gauge", "Rows deleted by the last run.", float64(r.Deleted))
	add("sessions_gc_batches", "gauge", "Batches of the last run.", float64(r.Batches))
	add("sessions_gc_duration_seconds", "gauge", "Duration of the last run.", r.Duration.Seconds())
	add("sessions_gc_done", "gauge", "1 if the last run went on until nothing was left.", truth(r.Stopped == store.StopDone))
	if r.Stopped != "" {
		add("sessions_gc_expired_remaining", "gauge", "Expired rows left, counted up to 100000.", float64(r.Remaining))
	}
	return b.String()
}

func (m metricsFile) series(name string) string {
	var labels []string
	for _, l := range [][2]string{{"database", m.database}, {"schema", m.schema}, {"table", m.table}} {
		if l[1] != "" {
			labels = append(labels, l[0]+`="`+labelText.Replace(strings.ToValidUTF8(l[1], "?"))+`"`)
		}
	}
	return name + "{" + strings.Join(labels, ",") + "}"
}

// labelText escapes what Prometheus's form of text has escaped, and nothing else.
var labelText = strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`)

func number(v float64) string { return strconv.FormatFloat(v, 'f', -1, 64) }

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

// before reads the counter and the time that the last run wrote. What is not there, does not parse, or can be neither a
// count nor a time up to now is left out: it would stay in the file for good.
func (m metricsFile) before(now time.Time) map[string]float64 {
	values := map[string]float64{}
	file, err := m.open()
	if err != nil {
		return values
	}
	defer func() { _ = file.Close() }()
	most := map[string]float64{lastSuccess: float64(now.Unix()), deleted: largestCount}
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		end := max(strings.LastIndexByte(lines.Text(), ' '), 0) // a label may have spaces, too
		series, text := lines.Text()[:end], strings.TrimSpace(lines.Text()[end:])
		for name, limit := range most {
			if v, err := strconv.ParseFloat(text, 64); err == nil && series == m.series(name) && v >= 0 && v <= limit {
				values[name] = v
			}
		}
	}
	return values
}
