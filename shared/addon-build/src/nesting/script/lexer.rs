//! The tokens of JavaScript without its grammar. The one thing that needs more is a slash, which begins a regular
//! expression or divides; where that is not certain and makes a difference, the lexer says so.

use text::{is_prefix, is_word, string, word as word_length};

mod blanks;
mod literals;
mod text;

/// What matters of a token for the depth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Token<'a> {
    Open,
    Close,
    Comma,
    Semicolon,
    /// Whatever joins operands or begins one: also `.`, a template and words like `typeof`.
    Operator,
    /// A keyword of a statement, or an operand.
    Word(&'a str),
    /// An operand right after another.
    SecondOperand,
    /// A regular expression with so many brackets, some of which may be within each other.
    Pattern(usize),
    /// A slash of which it is not certain what it is. The lexer cannot continue.
    Unclear,
}

/// What was before a token, as far as it decides what a slash is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Before {
    /// An operand is expected: a slash begins a regular expression.
    Operator,
    /// An operand is complete: a slash divides.
    Operand,
    /// A `.`: the next word is a name, also if it looks like a keyword.
    Dot,
    /// The head of `if`, `for`, `while` or `with`, or a block: a slash begins a regular expression.
    Statement,
    /// Neither is certain.
    Unclear,
}

/// What a bracket is, by what was before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Bracket {
    /// After it comes what follows an operand.
    Operand,
    /// The head or the body of a statement.
    Statement,
    /// The parameters or the body of a function whose value may be used.
    Function,
    /// The `${` of a template.
    Template,
    Unclear,
}

pub(super) struct Lexer<'a> {
    text: &'a str,
    at: usize,
    before: Before,
    /// The last word, if it was the last token.
    word: &'a str,
    /// The bracket that was closed, if that was the last token.
    closed: Option<Bracket>,
    /// Whether an arrow was the last token.
    arrow: bool,
    /// Whether the function that begins is in the place of an operand.
    function: Option<Bracket>,
    open: Vec<Bracket>,
    /// Whether a template went on to its next `${`, whose token is due.
    opened: bool,
    /// Nothing but blanks and comments on the line so far.
    line_is_empty: bool,
    /// Whether the current token is the first of its line.
    begins_line: bool,
}

impl<'a> Lexer<'a> {
    pub(super) const fn new(text: &'a str) -> Self {
        Self {
            text,
            at: 0,
            before: Before::Statement,
            word: "",
            closed: None,
            arrow: false,
            function: None,
            open: Vec::new(),
            opened: false,
            line_is_empty: true,
            begins_line: true,
        }
    }

    /// The next token that matters, and where it is.
    pub(super) fn next(&mut self) -> Option<(Token<'a>, usize)> {
        if self.at == 0 && self.text.starts_with("#!") {
            self.skip_line();
        }
        if std::mem::take(&mut self.opened) {
            return Some((Token::Open, self.at.saturating_sub(1)));
        }
        loop {
            self.skip_blanks_and_comments();
            let start = self.at;
            let byte = *self.rest().first()?;
            self.begins_line = std::mem::take(&mut self.line_is_empty);
            if let Some(token) = self.token(byte) {
                return Some((token, start));
            }
        }
    }

    fn rest(&self) -> &'a [u8] {
        self.text.as_bytes().get(self.at..).unwrap_or_default()
    }

    fn token(&mut self, byte: u8) -> Option<Token<'a>> {
        match byte {
            b'"' | b'\'' => {
                self.at += string(self.rest(), byte);
                self.operand();
                None
            }
            b'`' => {
                self.at += 1;
                self.template();
                Some(Token::Operator)
            }
            b'/' => Some(self.slash()),
            b'(' | b'[' | b'{' => Some(self.opened(byte)),
            b')' | b']' | b'}' => Some(self.closed()),
            b',' => Some(self.punctuation(1, Token::Comma)),
            b';' => {
                let token = self.punctuation(1, Token::Semicolon);
                self.before = Before::Statement;
                Some(token)
            }
            byte if is_word(byte) => Some(self.word()),
            _ => Some(self.operator()),
        }
    }

    fn operand(&mut self) {
        (self.before, self.word, self.closed, self.arrow) = (Before::Operand, "", None, false);
    }

    fn punctuation(&mut self, length: usize, token: Token<'a>) -> Token<'a> {
        self.at += length;
        (self.before, self.word, self.closed, self.arrow) = (Before::Operator, "", None, false);
        token
    }

    fn operator(&mut self) -> Token<'a> {
        let rest = self.rest();
        if rest.starts_with(b"...") {
            return self.punctuation(3, Token::Operator);
        }
        if rest.starts_with(b"=>") {
            self.punctuation(2, Token::Operator);
            self.arrow = true;
            return Token::Operator;
        }
        // `a++ / b` divides; `++/a/.lastIndex` does not.
        if rest.starts_with(b"++") || rest.starts_with(b"--") {
            let before = if self.begins_line { Before::Operator } else { self.before };
            self.punctuation(2, Token::Operator);
            if matches!(before, Before::Operand | Before::Unclear) {
                self.before = before;
            }
            return Token::Operator;
        }
        let token = self.punctuation(1, Token::Operator);
        match rest.first() {
            Some(b'.' | b'#' | b'@') => self.before = Before::Dot,
            // A block after a label or a case, or an object.
            Some(b':') => self.word = ":",
            _ => {}
        }
        token
    }

    fn word(&mut self) -> Token<'a> {
        let length = word_length(self.rest());
        let (start, before) = (self.at, self.before);
        let word = self.text.get(start..start + length).unwrap_or("");
        let after_operand = before == Before::Operand && !is_prefix(self.word) || self.closed.is_some();
        self.at += length;
        if before == Before::Dot {
            self.operand();
            return Token::Word("");
        }
        if word == "function" {
            self.function = Some(match before {
                Before::Operator if self.word != ":" => Bracket::Function,
                Before::Operand | Before::Statement if self.word != "async" => Bracket::Statement,
                Before::Operator | Before::Operand | Before::Statement | Before::Dot | Before::Unclear => {
                    Bracket::Unclear
                }
            });
        }
        (self.before, self.word, self.closed, self.arrow) = (Before::Operand, word, None, false);
        match word {
            "return" | "typeof" | "case" | "do" | "else" | "in" | "instanceof" | "new" | "void"
            | "delete" | "throw" => {
                self.before =
                    if matches!(word, "do" | "else") { Before::Statement } else { Before::Operator };
            }
            "yield" | "await" | "of" | "let" | "extends" => self.before = Before::Unclear,
            _ => {}
        }
        let statement = matches!(word, "if" | "for" | "while" | "do" | "with" | "else");
        if after_operand && !statement && !matches!(word, "in" | "instanceof" | "extends") {
            Token::SecondOperand
        } else if is_prefix(word) {
            Token::Operator
        } else {
            Token::Word(word)
        }
    }

    fn opened(&mut self, byte: u8) -> Token<'a> {
        let bracket = match byte {
            b'(' => match self.word {
                "if" | "while" | "for" | "with" | "switch" | "catch" => Bracket::Statement,
                "await" => Bracket::Unclear,
                _ => self.function.take().unwrap_or(Bracket::Operand),
            },
            b'{' => self.brace(),
            _ => Bracket::Operand,
        };
        self.open.push(bracket);
        self.punctuation(1, Token::Open);
        if byte == b'{' {
            // Not after the brace of an object, where no slash can be.
            self.before = Before::Statement;
        }
        Token::Open
    }

    fn brace(&self) -> Bracket {
        match (self.before, self.closed, self.word) {
            (_, Some(bracket @ (Bracket::Statement | Bracket::Function)), _) => bracket,
            (_, Some(_), _) => Bracket::Unclear,
            (_, None, ":") => Bracket::Unclear,
            (Before::Operator, None, _) if self.arrow => Bracket::Statement,
            (Before::Operator, None, _) => Bracket::Operand,
            (Before::Statement, None, _) | (_, None, "try" | "finally" | "static" | "catch") => {
                Bracket::Statement
            }
            _ => Bracket::Unclear,
        }
    }

    fn closed(&mut self) -> Token<'a> {
        let bracket = self.open.pop().unwrap_or(Bracket::Unclear);
        let brace = self.rest().first() == Some(&b'}');
        self.punctuation(1, Token::Close);
        if bracket == Bracket::Template {
            self.template();
            return Token::Close;
        }
        self.closed = Some(bracket);
        self.before = match bracket {
            Bracket::Operand | Bracket::Template => Before::Operand,
            Bracket::Function if brace => Before::Operand,
            Bracket::Statement => Before::Statement,
            Bracket::Function | Bracket::Unclear => Before::Unclear,
        };
        if brace && bracket != Bracket::Function {
            // What follows a block is not its head.
            self.closed = Some(Bracket::Operand);
        }
        Token::Close
    }
}
