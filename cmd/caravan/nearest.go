package main

import "slices"

// nearest is the word of allowed that takes the fewest single-letter edits to
// reach from found (Levenshtein, 1966), the first of equals. A word that would
// change by more than half is no suggestion.
func nearest(found string, allowed []string) (string, bool) {
	best, bestAt := "", len([]rune(found))/2+1
	for _, w := range allowed {
		if d := editDistance([]rune(found), []rune(w)); d < bestAt {
			best, bestAt = w, d
		}
	}
	return best, best != ""
}

// editDistance counts insertions, deletions and replacements between a and b
// in O(len(a) len(b)) time and O(len(b)) space.
func editDistance(a, b []rune) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range a {
		diagonal := row[0]
		row[0] = i + 1
		for j := range b {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}

func contains(words []string, w string) bool { return slices.Contains(words, w) }
