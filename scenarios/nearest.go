package scenarios

import (
	"slices"
	"sort"
	"strconv"
	"strings"
)

// nearest is the candidate closest to s by the optimal string alignment
// distance (Damerau and Levenshtein, without overlapping edits), ties to the
// first in order; false when none is within a third of the longer length.
func nearest(s string, candidates []string) (string, bool) {
	best, least := "", 0
	for _, c := range candidates {
		longer := max(len(s), len(c))
		limit := max(1, (longer+1)/3)
		if len(s)-len(c) > limit || len(c)-len(s) > limit || longer > 200 {
			continue
		}
		if d := distance(strings.ToLower(s), strings.ToLower(c)); d <= limit && (best == "" || d < least) {
			best, least = c, d
		}
	}
	return best, best != ""
}

// distance counts the insertions, deletions, substitutions and swaps of
// neighbours that turn a into b. Time and memory are len(a)·len(b).
func distance(a, b string) int {
	x, y := []rune(a), []rune(b)
	rows := make([][]int, len(x)+1)
	for i := range rows {
		rows[i] = make([]int, len(y)+1)
		rows[i][0] = i
	}
	for j := range rows[0] {
		rows[0][j] = j
	}
	for i := 1; i <= len(x); i++ {
		for j := 1; j <= len(y); j++ {
			cost := 1
			if x[i-1] == y[j-1] {
				cost = 0
			}
			d := min(rows[i-1][j]+1, rows[i][j-1]+1, rows[i-1][j-1]+cost)
			if i > 1 && j > 1 && x[i-1] == y[j-2] && x[i-2] == y[j-1] {
				d = min(d, rows[i-2][j-2]+1)
			}
			rows[i][j] = d
		}
	}
	return rows[len(x)][len(y)]
}

// maxListed bounds how many names a message lists.
const maxListed = 30

// allowed is the end of a message about a name that is none of the
// candidates: what is allowed, and the nearest spelling.
func allowed(s string, candidates []string) string {
	if len(candidates) == 0 {
		return ""
	}
	list := slices.DeleteFunc(slices.Clone(candidates), func(c string) bool { return c == "" })
	near, ok := nearest(s, list)
	text := "allowed: " + strings.Join(list, ", ")
	if len(list) > maxListed {
		sort.Strings(list)
		text = "allowed: one of " + strconv.Itoa(len(list)) + " names"
	}
	if ok {
		text += "; nearest: " + strconv.Quote(near)
	}
	return " (" + text + ")"
}
