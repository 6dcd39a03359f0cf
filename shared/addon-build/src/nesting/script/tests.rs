#![allow(clippy::unwrap_used)]

use super::*;

fn accepts(text: &str) -> bool {
    check_script(text).is_ok()
}

#[test]
fn brackets_and_chains_are_bounded() {
    for (start, end) in [("(", ")"), ("[", "]"), ("{", "}"), ("a(", ")"), ("`${", "}`"), ("a=>{", "}")] {
        let nested = |depth: usize| start.repeat(depth) + &end.repeat(depth);
        assert!(accepts(&nested(MAX_BRACKETS)), "{start}");
        assert!(!accepts(&nested(MAX_BRACKETS + 1)), "{start}");
        assert!(accepts(&nested(1).repeat(2 * MAX_BRACKETS)), "{start}: beside each other");
    }
    for link in [
        "a?b:",
        "a?",
        "a+",
        "/a/g+",
        "1.5+",
        "a=",
        "!",
        "- ",
        "typeof ",
        "new ",
        "a.",
        "a=>",
        "async a=>",
        "``",
        "()",
        "if(a)",
        "if(a);else ",
        "for(;;)",
        "while(a)",
        "do ",
        "yield ",
        "class extends ",
        "if(a)b\nelse ",
        "[0]",
        "a\nin ",
        "a&&",
    ] {
        assert!(accepts(&link.repeat(MAX_LINKS / 4)), "{link}");
        assert!(!accepts(&link.repeat(MAX_LINKS + 1)), "{link}");
    }
}

#[test]
fn what_is_beside_each_other_is_not_nested() {
    for part in [
        "a=b+c;",
        "a.b(c)\n",
        "if(a){b}else c;",
        "function f(a){return a}",
        "var a=1\n",
        "a:1,",
        "if(a){b()}c;",
        "x=function(){};",
        "case 1:a.b();",
        "if(a)b;\n",
        "let a=`x${y}`\n",
        "class A{b(){}}\n",
        "return a+b;",
    ] {
        assert!(accepts(&part.repeat(20 * MAX_LINKS)), "{part}");
    }
    assert!(accepts(&format!("f({})", "a=b,".repeat(20 * MAX_LINKS))));
}

#[test]
fn brackets_in_text_do_not_count() {
    let many = "(".repeat(2 * MAX_BRACKETS);
    for text in [
        format!("'{many}'"),
        format!("\"\\\"{many}\""),
        format!("`{many}\\`{many}`"),
        format!("//{many}"),
        format!("/*{many}*/"),
        format!("a=/[/{many}]/"),
        format!("if(a)/\"{many}/.test(a)"),
        format!("return/{many}/"),
        format!("a<!--{many}"),
        format!("/*\n*/-->{many}"),
        format!("#!{many}"),
        format!("if(a){{}}/'{many}/.test(b)"),
        format!("()=>{{}}\n/'{many}/.test(b)"),
        format!("{{}}/'{many}/"),
        format!("[.../'{many}/g]"),
        format!("return\u{a0}/'{many}/"),
        format!("a=/b/\u{2028}-->{many}"),
    ] {
        assert!(accepts(&text), "{}", &text[..20]);
    }
}

#[test]
fn nothing_hides_brackets() {
    let many = "(".repeat(2 * MAX_BRACKETS);
    for start in [
        "a/'/'/b;",
        "a\n/'/'/b;",
        "a()/'/'/b;",
        "b[0]/'/'/b;",
        "1./'/'/b;",
        "a.if(b)/'/'/b;",
        "a.return/'/'/b;",
        "({})/'/'/b;",
        "a={}/'/'/b;",
        "a=async function(){}/'/'/b;",
        "a=>function(){}/'/'/b;",
        "a?b:function(){}/'/'/b;",
        "function*f(){yield function(){}/'/'/b}",
        "a=function(){}/'/'/b;",
        "`${a}`/'/'/b;",
        "'\n;",
        "//\u{2028}",
        "a-->'\n",
        "'\\\r\n'",
        "a++/'/'/b;",
        "a\n++/'/.b;",
        "yield/'/'/b;",
        "b?c:{}/'/'/b;",
        "class A{}/'/'/b;",
        "for await(a of b)/'/'/b;",
        "a=this/'/'/b;",
        "let\u{a0}/'/'/b;",
        "a\u{a0}/'/'/b;",
        "if(a)b/'/'/b;",
    ] {
        assert!(!accepts(&format!("{start}{many}")), "{start}");
    }
}

#[test]
fn brackets_of_a_regular_expression_are_bounded() {
    for (start, end) in [("(", ")"), ("[", "]"), ("(?=", ")"), ("([)]", ")")] {
        let literal = |depth: usize| format!("a=/{}{}/v", start.repeat(depth), end.repeat(depth));
        assert!(accepts(&literal(MAX_LINKS / 2)), "{start}");
        assert!(!accepts(&literal(MAX_LINKS + 1)), "{start}");
    }
}

#[test]
fn unclear_slash_is_told_only_where_it_matters() {
    let rest = "f();".repeat(MAX_LINKS);
    assert!(accepts(&format!("class A{{}}/b/c;{rest}")));
    assert!(accepts("class A{}/'/.test(b)"), "too little follows");
    let error = check_script(&format!("\nclass A{{}}/'/.test(b);{rest}")).unwrap_err();
    assert_eq!((error.line, error.column), (2, 10));
    assert!(error.message.starts_with("this may be a regular expression"), "{error}");
}

/// Runs out of stack, and with it ends all tests, if the bounds are too high for the stack.
#[test]
fn deepest_that_passes_needs_half_of_the_stack() {
    let links = |link: &str, end: &str| {
        let mut count = MAX_LINKS;
        while !accepts(&(link.repeat(count) + end)) {
            count = count * 9 / 10;
        }
        link.repeat(count) + end
    };
    let nested = |start: &str, middle: &str, end: &str| {
        let depth = MAX_BRACKETS / start.matches(['(', '[', '{']).count();
        start.repeat(depth) + middle + &end.repeat(depth)
    };
    for text in [
        nested("(", "1", ")"),
        nested("[", "", "]"),
        nested("{", "", "}"),
        nested("(function(){", "", "})()"),
        nested("(()=>{", "", "})()"),
        nested("(class{static{", "", "}})"),
        nested("`${", "1", "}`"),
        nested("(a=", "1", ")"),
        format!("/{}{}/", "(".repeat(MAX_LINKS), ")".repeat(MAX_LINKS)),
        format!("/{}{}/", "(?=".repeat(MAX_LINKS), ")".repeat(MAX_LINKS)),
        links("a?b:", "1"),
        links("a+", "1"),
        links("a&&", "1"),
        links("a=", "1"),
        links("a**", "1"),
        links("!", "1"),
        links("new ", "a"),
        links("a.", "a"),
        format!("a{}", links("()", "")),
        links("if(a)", ";"),
        links("if(a);else ", ";"),
        links("for(;;)", ";"),
    ] {
        assert!(accepts(&text), "{}", &text[..20]);
        let build = move || crate::script::build(&text, "a.js", crate::OldestChrome::FLOOR).map(drop);
        let thread = std::thread::Builder::new().stack_size(crate::guard::STACK / 2).spawn(build).unwrap();
        assert!(thread.join().unwrap().is_ok());
    }
}

/// Whether every bracket is closed by its own kind. `None` if the lexer gives up.
fn is_balanced(text: &str) -> Option<bool> {
    let (mut lexer, mut open) = (Lexer::new(text), Vec::new());
    while let Some((token, offset)) = lexer.next() {
        let bracket = text.as_bytes()[offset..].first().copied();
        match token {
            Token::Open => open.push(if matches!(bracket, Some(b'(' | b'[')) { bracket } else { Some(b'{') }),
            Token::Close => {
                let opened = match bracket {
                    Some(b')') => b'(',
                    Some(b']') => b'[',
                    _ => b'{',
                };
                if open.pop() != Some(Some(opened)) {
                    return Some(false);
                }
            }
            Token::Unclear => return None,
            Token::Comma
            | Token::Semicolon
            | Token::Operator
            | Token::Word(_)
            | Token::SecondOperand
            | Token::Pattern(_) => {}
        }
    }
    Some(open.is_empty())
}

proptest::proptest! {
    #![proptest_config(proptest::test_runner::Config { cases: 3_000, failure_persistence: None, ..Default::default() })]

    /// What the parser accepts has balanced brackets. If the lexer sees others, it took text for code.
    #[test]
    fn lexer_sees_the_brackets_that_the_parser_sees(
        pieces in proptest::collection::vec(proptest::sample::select(vec![
            "a", "=", "=>", "(", ")", "()", "[", "]", "[]", "{", "}", "{}", "{a}", ";", ",", "?", ":", "/", "/'/", "/[/(]/g", "'('", "++",
            "`(${", "}`", "`", "\n", "if(a)", "function f(){}", "async ", "class{}", "return ", "typeof ", "yield ", "await ", "of ",
            "//'", "/*'*/", "<!--(", "-->(", "!", "+", "1.", ".a", "?.", "else ", "do ", "while(a)", "for(a of b)", "let ", "of", "\u{a0}", "\u{2028}",
        ]), 0..14)
    ) {
        let text = pieces.concat();
        if crate::script(&text, "a.js", crate::OldestChrome::FLOOR).is_ok() {
            proptest::prop_assert_ne!(is_balanced(&text), Some(false), "{:?}", text);
        }
    }
}
